//! The attacks, by what they try.

use super::{
    Attack,
    Sent::{Body, First, Framed, Lines, Many, Raw, Target},
    attack,
};

const READ: (u16, &str) = (200, "ok");
const MALFORMED: (u16, &str) = (400, "ringfence.request_malformed");
const TWO_LENGTHS: (u16, &str) = (400, "ringfence.length_ambiguous");
const BROKEN: (u16, &str) = (400, "ringfence.body_broken_off");
const PATH: (u16, &str) = (400, "ringfence.path_not_canonical");
const UNKNOWN: (u16, &str) = (404, "ringfence.operation_unknown");
const TWO_CREDENTIALS: (u16, &str) = (400, "ringfence.credentials_ambiguous");
const NO_JSON: (u16, &str) = (400, "ringfence.body_not_json");
const TWO_KEYS: (u16, &str) = (400, "ringfence.body_duplicate_key");
const MISPLACED: (u16, &str) = (400, "ringfence.division_parameter_misplaced");

pub(super) const ATTACKS: &[Attack] = &[
    // Where does the body end?
    attack(
        "CL.TE: a length beside chunks. The chunks count, and nothing behind them is read",
        Framed(
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
            "2\r\n{}\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
        ),
        READ,
    ),
    attack(
        "TE.CL: chunks beside a length",
        Framed(
            "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
            "2\r\n{}\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
        ),
        READ,
    ),
    attack(
        "TE.TE: an unknown transfer coding",
        Framed("Transfer-Encoding: xchunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
        MALFORMED,
    ),
    attack(
        "TE.TE: a coding behind the chunks",
        Framed("Transfer-Encoding: chunked, identity\r\n", "2\r\n{}\r\n0\r\n\r\n"),
        MALFORMED,
    ),
    attack(
        "TE.TE: two lines",
        Framed("Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
        TWO_LENGTHS,
    ),
    attack(
        "TE.TE: a vertical tab",
        Framed("Transfer-Encoding: \u{b}chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
        MALFORMED,
    ),
    attack(
        "TE.TE: a space before the colon",
        Framed("Transfer-Encoding : chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
        MALFORMED,
    ),
    attack(
        "TE.TE: a folded line",
        Framed("Transfer-Encoding:\r\n chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
        MALFORMED,
    ),
    attack(
        "chunks over HTTP/1.0",
        Raw(
            "POST /api/v2/users/search HTTP/1.0\r\nHost: gateway\r\nX-Api-Key: KEY\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        ),
        MALFORMED,
    ),
    attack(
        "TE.TE: chunks twice",
        Framed("Transfer-Encoding: chunked, chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
        TWO_LENGTHS,
    ),
    attack(
        "TE.TE: a coding inside the chunks",
        Framed("Transfer-Encoding: gzip, chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
        TWO_LENGTHS,
    ),
    attack("TE.TE: another coding alone", Framed("Transfer-Encoding: identity\r\n", "{}"), MALFORMED),
    attack(
        "chunks in capitals, which they may be",
        Framed("Transfer-Encoding: CHUNKED\r\n", "2\r\n{}\r\n0\r\n\r\n"),
        READ,
    ),
    attack("no length at all where there is one", Framed("Content-Length: \r\n", "{}"), MALFORMED),
    attack("a space before the colon of a length", Framed("Content-Length : 2\r\n", "{}"), MALFORMED),
    attack("two lengths that differ", Framed("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"), MALFORMED),
    attack(
        "two lengths that agree, which are one",
        Framed("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"),
        READ,
    ),
    attack("a list of lengths", Framed("Content-Length: 2, 2\r\n", "{}"), MALFORMED),
    attack("a length with a sign", Framed("Content-Length: +2\r\n", "{}"), MALFORMED),
    attack("a negative length", Framed("Content-Length: -2\r\n", "{}"), MALFORMED),
    attack("a hexadecimal length", Framed("Content-Length: 0x2\r\n", "{}"), MALFORMED),
    attack(
        "a length beyond all numbers",
        Framed("Content-Length: 99999999999999999999\r\n", "{}"),
        MALFORMED,
    ),
    attack(
        "a chunk size with a prefix",
        Framed("Transfer-Encoding: chunked\r\n", "0x2\r\n{}\r\n0\r\n\r\n"),
        BROKEN,
    ),
    attack(
        "a chunk size with a sign",
        Framed("Transfer-Encoding: chunked\r\n", "+2\r\n{}\r\n0\r\n\r\n"),
        BROKEN,
    ),
    attack(
        "a negative chunk size",
        Framed("Transfer-Encoding: chunked\r\n", "-2\r\n{}\r\n0\r\n\r\n"),
        BROKEN,
    ),
    attack(
        "a chunk size that overflows",
        Framed("Transfer-Encoding: chunked\r\n", "10000000000000002\r\n{}\r\n0\r\n\r\n"),
        BROKEN,
    ),
    attack(
        "a chunk longer than its size",
        Framed("Transfer-Encoding: chunked\r\n", "1\r\n{}\r\n0\r\n\r\n"),
        BROKEN,
    ),
    attack(
        "chunk lines that end with LF alone",
        Framed("Transfer-Encoding: chunked\r\n", "2\n{}\n0\n\n"),
        BROKEN,
    ),
    attack(
        "a line feed in a chunk extension",
        Framed("Transfer-Encoding: chunked\r\n", "2;x\ny\r\n{}\r\n0\r\n\r\n"),
        BROKEN,
    ),
    attack(
        "a chunk extension, which is not looked at",
        Framed("Transfer-Encoding: chunked\r\n", "2;x=y\r\n{}\r\n0\r\n\r\n"),
        READ,
    ),
    attack(
        "trailers, which are not looked at",
        Framed(
            "Transfer-Encoding: chunked\r\nTrailer: X-Api-Key\r\n",
            "2\r\n{}\r\n0\r\nX-Api-Key: other\r\nHost: other\r\n\r\n",
        ),
        READ,
    ),
    attack(
        "a body where none belongs",
        Lines("Content-Length: 2\r\n\r\n{}"),
        (400, "ringfence.body_unexpected"),
    ),
    // What is a line, what is a header?
    attack("a folded header", Lines("X-Filler: a\r\n b\r\n"), MALFORMED),
    attack(
        "a folded first header",
        Raw("GET /api/v2/users HTTP/1.1\r\n Host: gateway\r\nX-Api-Key: KEY\r\n\r\n"),
        MALFORMED,
    ),
    attack("a space in a header's name", Lines("X Filler: x\r\n"), MALFORMED),
    attack("a header without a name", Lines(": x\r\n"), MALFORMED),
    attack("a header without a colon", Lines("nonsense\r\n"), MALFORMED),
    attack("a name beyond ASCII", Lines("X-Fill\u{e9}r: x\r\n"), MALFORMED),
    attack("NUL in a header", Lines("X-Filler: a\0b\r\n"), MALFORMED),
    attack("CR in a header", Lines("X-Filler: a\rX-Api-Key: b\r\n"), MALFORMED),
    attack(
        "lines that end with LF alone, which RFC 9112 allows to read",
        Raw("GET /api/v2/users HTTP/1.1\nHost: gateway\nX-Api-Key: KEY\n\n"),
        READ,
    ),
    attack(
        "empty lines before the request, as RFC 9112 allows",
        Raw("\r\n\r\nGET /api/v2/users HTTP/1.1\r\nHost: gateway\r\nX-Api-Key: KEY\r\n\r\n"),
        READ,
    ),
    attack(
        "more than 100 headers",
        Many("120 header lines", || "X-Filler: x\r\n".repeat(120)),
        (431, "ringfence.head_too_large"),
    ),
    attack(
        "more than 64 KiB of headers",
        Many("a header line of 70 KB", || format!("X-Filler: {}\r\n", "x".repeat(70_000))),
        (431, "ringfence.head_too_large"),
    ),
    // What is asked, and of whom?
    attack("two `Host`s", Lines("Host: elsewhere\r\n"), (400, "ringfence.host_twice")),
    attack(
        "no `Host`",
        Raw("GET /api/v2/users HTTP/1.1\r\nX-Api-Key: KEY\r\n\r\n"),
        (400, "ringfence.host_missing"),
    ),
    attack(
        "a `Host` that is none; no decision reads it",
        Raw("GET /api/v2/users HTTP/1.1\r\nHost: x/#@e\r\nX-Api-Key: KEY\r\n\r\n"),
        READ,
    ),
    attack("the absolute form", Target("http://gateway/api/v2/users"), PATH),
    attack("the absolute form, of Genesys", Target("https://api.mypurecloud.com/api/v2/users"), PATH),
    attack("the form of an authority", First("CONNECT gateway:443 HTTP/1.1"), PATH),
    attack("the asterisk", First("OPTIONS * HTTP/1.1"), PATH),
    attack("no version", First("GET /api/v2/users"), MALFORMED),
    attack("another version", First("GET /api/v2/users HTTP/3.0"), MALFORMED),
    attack("a method in lower case", First("get /api/v2/users HTTP/1.1"), UNKNOWN),
    attack("a method of one's own", First("FETCH /api/v2/users HTTP/1.1"), UNKNOWN),
    attack("TRACE", First("TRACE /api/v2/users HTTP/1.1"), UNKNOWN),
    attack("two spaces in the first line", First("GET  /api/v2/users HTTP/1.1"), MALFORMED),
    attack(
        "TLS to the plain listener",
        Raw("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}"),
        MALFORMED,
    ),
    attack(
        "HTTP/2 in the middle of HTTP/1.1",
        Raw(
            "GET /api/v2/users HTTP/1.1\r\nHost: gateway\r\nX-Api-Key: KEY\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        ),
        READ,
    ),
    // The path that is checked is the path that is sent.
    attack("half a preface of HTTP/2", Raw("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"), MALFORMED),
    attack("dot segments", Target("/api/v2/users/../oauth/clients"), PATH),
    attack("encoded dots", Target("/api/v2/users/%2e%2e/oauth/clients"), PATH),
    attack("dots, encoded twice", Target("/api/v2/users/%252e%252e/oauth/clients"), PATH),
    attack("an encoded slash", Target("/api/v2/users/x%2f..%2f..%2foauth%2fclients"), PATH),
    attack("a backslash", Target("/api/v2/users\\..\\oauth"), PATH),
    attack("an encoded backslash", Target("/api/v2/users/..%5coauth"), PATH),
    attack("a doubled slash", Target("/api/v2//users"), PATH),
    attack("a slash at the end", Target("/api/v2/users/"), PATH),
    attack("a path parameter", Target("/api/v2/users;x=y"), PATH),
    attack("an encoded NUL", Target("/api/v2/users/x%00y"), PATH),
    attack("NUL", Target("/api/v2/users/x\0y"), MALFORMED),
    attack("an encoded line end", Target("/api/v2/users/%0d%0aX-Api-Key:%20x"), PATH),
    attack("a plain letter, encoded", Target("/api/v2/%75sers"), PATH),
    attack("UTF-8 that is too long", Target("/api/v2/users/%c0%ae%c0%ae/me"), PATH),
    attack("a broken encoding", Target("/api/v2/users/%zz"), PATH),
    attack("a fragment", Target("/api/v2/users#/x"), READ),
    attack("another case", Target("/API/V2/USERS"), UNKNOWN),
    attack("the operators' API", Target("/admin/v1/tenants"), UNKNOWN),
    attack(
        "a path of 3 KB",
        Many("a segment of 3,000 characters", || format!("/api/v2/users/{}", "x".repeat(3_000))),
        PATH,
    ),
    // Headers that want to be believed.
    attack(
        "a target of 70 KB",
        Many("a target of 70,000 characters", || format!("/{}", "x".repeat(70_000))),
        (431, "ringfence.head_too_large"),
    ),
    attack("a dot segment", Target("/api/v2/./users"), PATH),
    attack("dots with a path parameter", Target("/api/v2/users/..;/oauth/clients"), PATH),
    attack("dots of another script", Target("/api/v2/users/%ef%bc%8e%ef%bc%8e/oauth/clients"), UNKNOWN),
    attack("encoding by code points", Target("/api/v2/users/%u002e%u002e/oauth/clients"), PATH),
    attack("a question mark, encoded", Target("/api/v2/users%3fpageSize=5"), UNKNOWN),
    attack(
        "a query of 20 KB",
        Many("the same parameter 2,000 times", || format!("/api/v2/users?{}", "id=xxxxxx&".repeat(2_000))),
        (400, "ringfence.parameter_invalid"),
    ),
    attack(
        "a method override",
        Lines("X-HTTP-Method-Override: DELETE\r\nX-Method-Override: DELETE\r\n"),
        READ,
    ),
    attack(
        "a method override in the query",
        Target("/api/v2/users?_method=DELETE"),
        (400, "ringfence.parameter_unknown"),
    ),
    attack(
        "another URL",
        Lines("X-Original-URL: /api/v2/oauth/clients\r\nX-Rewrite-URL: /api/v2/oauth/clients\r\n"),
        READ,
    ),
    attack(
        "another address; nobody here is trusted to say so",
        Lines("X-Forwarded-For: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\n"),
        READ,
    ),
    attack("another host", Lines("X-Forwarded-Host: elsewhere\r\nX-Host: elsewhere\r\n"), READ),
    attack("headers of our own", Lines("Ringfence-Divisions: *\r\nININ-Correlation-Id: mine\r\n"), READ),
    attack("a hop-by-hop credential", Lines("Connection: X-Api-Key, close\r\n"), READ),
    attack("an expectation that there is not", Lines("Expect: 200-ok\r\n"), READ),
    attack("two credentials", Lines("Authorization: Bearer rf_x\r\n"), TWO_CREDENTIALS),
    attack("one credential twice", Lines("X-Api-Key: rf_x\r\n"), TWO_CREDENTIALS),
    // Divisions by the back door.
    attack("a division parameter where none belongs", Target("/api/v2/users?divisionId=x"), MISPLACED),
    attack("in another case", Target("/api/v2/routing/queues?DIVISIONID=x"), MISPLACED),
    attack("as a list", Target("/api/v2/routing/queues?divisionId[]=x"), MISPLACED),
    attack("behind an encoded bracket", Target("/api/v2/routing/queues?divisionId%5B0%5D=x"), MISPLACED),
    attack("under another of its names", Target("/api/v2/routing/queues?divisionIds=x"), MISPLACED),
    attack("with an underscore", Target("/api/v2/routing/queues?division_id=x"), MISPLACED),
    attack(
        "a foreign one",
        Target("/api/v2/routing/queues?divisionId=x"),
        (403, "ringfence.division_not_permitted"),
    ),
    attack(
        "an empty one",
        Target("/api/v2/routing/queues?divisionId="),
        (400, "ringfence.parameter_invalid"),
    ),
    // Ids of others, in every form of a list.
    attack("another's id", Target("/api/v2/users/FOREIGN"), (404, "not.found")),
    attack("another's id in a list", Target("/api/v2/users?id=FOREIGN"), READ),
    attack(
        "another's id behind one that is nobody's",
        Target("/api/v2/users?id=99999999-0000-4000-8000-000000000009,FOREIGN"),
        READ,
    ),
    attack(
        "another's id in a repeated list",
        Target("/api/v2/users?id=99999999-0000-4000-8000-000000000009&id=FOREIGN"),
        READ,
    ),
    attack(
        "a list with brackets",
        Target("/api/v2/users?id[]=FOREIGN"),
        (400, "ringfence.parameter_unknown"),
    ),
    attack("a list as JSON", Target("/api/v2/users?id=%5B%22FOREIGN%22%5D"), READ),
    // Bodies with two readings, or none.
    attack("a key twice", Body(br#"{"pageSize":1,"pageSize":2}"#), TWO_KEYS),
    attack("a key twice, once escaped", Body(br#"{"pageSize":1,"page\u0053ize":2}"#), TWO_KEYS),
    attack("a key twice where nothing is known", Body(br#"{"x":{"y":1,"y":2}}"#), TWO_KEYS),
    attack("an unknown field", Body(br#"{"divisionIds":["x"]}"#), (400, "ringfence.body_unknown_field")),
    attack("NaN", Body(br#"{"pageSize":NaN}"#), NO_JSON),
    attack("a huge number", Body(br#"{"pageSize":1e400}"#), (400, "ringfence.body_number_out_of_range")),
    attack(
        "a number of 10,000 digits",
        Many("`{\"pageSize\":1…}` with 10,000 digits", || {
            format!("{{\"pageSize\":{}}}", "1".repeat(10_000))
        }),
        (400, "ringfence.body_number_out_of_range"),
    ),
    attack("invalid UTF-8", Body(b"{\"sortBy\":\"\xff\"}"), (400, "ringfence.body_not_utf8")),
    attack("a lone surrogate", Body(br#"{"sortBy":"\ud800"}"#), NO_JSON),
    attack("NUL", Body(b"{\"sortBy\":\"\0\"}"), NO_JSON),
    attack("a byte order mark", Body(b"\xef\xbb\xbf{}"), NO_JSON),
    attack("two values", Body(b"{}{}"), NO_JSON),
    attack(
        "10,000 levels",
        Many("`[` 10,000 times", || "[".repeat(10_000)),
        (400, "ringfence.body_too_deep"),
    ),
    attack(
        "more than 512 KiB",
        Many("600 KB of spaces", || " ".repeat(600_000)),
        (413, "request.entity.too.large"),
    ),
    attack(
        "more than 512 KiB, in chunks",
        Many("600 chunks of 1,000 spaces", || {
            format!("{}0\r\n\r\n", format!("3e8\r\n{}\r\n", " ".repeat(1_000)).repeat(600))
        }),
        (413, "request.entity.too.large"),
    ),
    attack(
        "a compressed body",
        Framed("Content-Encoding: gzip\r\nContent-Length: 2\r\n", "{}"),
        (415, "ringfence.body_compressed"),
    ),
    attack(
        "another type",
        Framed("Content-Type: text/plain\r\nContent-Length: 2\r\n", "{}"),
        (415, "ringfence.media_type_unsupported"),
    ),
];
