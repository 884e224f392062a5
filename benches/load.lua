-- What wrk sends, and one line of JSON about how it went.
local function read(name)
  local file = assert(io.open(os.getenv(name)))
  local text = file:read("*a")
  file:close()
  return text
end

wrk.method = "POST"
wrk.path = "/api/v2/analytics/conversations/details/query"
wrk.body = read("BODY_FILE")
wrk.headers["Content-Type"] = "application/json"

-- One credential, or one of many at random with each request.
if os.getenv("KEYS_FILE") then
  local keys = {}
  for key in read("KEYS_FILE"):gmatch("%S+") do keys[#keys + 1] = "Bearer " .. key end
  math.randomseed(20)
  function request()
    wrk.headers["Authorization"] = keys[math.random(#keys)]
    return wrk.format()
  end
else
  wrk.headers["Authorization"] = "Bearer " .. os.getenv("BEARER")
end

-- With a pace, each connection rests that many milliseconds between an answer and its next request.
local pace = tonumber(os.getenv("PACE_MS") or "0")
if pace > 0 then
  function delay() return pace end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "bad": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
