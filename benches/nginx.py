"""nginx, passing through or scoping a query in Lua as one would by hand."""

# One worker, kept connections, nothing logged. The modules' path is Debian's.
CONFIGURATION = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
load_module modules/ndk_http_module.so;
load_module modules/ngx_http_lua_module.so;
{user}
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    client_body_buffer_size 64k;
    lua_package_cpath '/usr/lib/x86_64-linux-gnu/lua/5.1/?.so;/usr/lib/aarch64-linux-gnu/lua/5.1/?.so;;';
    {lua_keys}
    upstream canned {{ server {upstream}; keepalive 256; keepalive_requests 100000000; }}
    server {{
        listen {listen} backlog=4096;
        keepalive_requests 100000000;
        location / {{
            {lua_rewrite}
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://canned;
        }}
    }}
}}
"""

KEYS = """
    init_by_lua_block {{
        cjson = require "cjson"
        tenants = {{}}
        for number = 1, 100 do tenants["Bearer key-" .. number] = {{ division = "none" }} end
        tenants["Bearer {bearer}"] = {{ division = "{division}" }}
    }}
"""

REWRITE = """
            access_by_lua_block {
                local tenant = tenants[ngx.var.http_authorization or ""]
                if not tenant then return ngx.exit(401) end
                ngx.req.read_body()
                local query = cjson.decode(ngx.req.get_body_data())
                query.conversationFilters = query.conversationFilters or {}
                table.insert(query.conversationFilters, {
                    type = "or",
                    predicates = {
                        { type = "dimension", dimension = "divisionId", operator = "matches", value = tenant.division },
                    },
                })
                ngx.req.set_body_data(cjson.encode(query))
                ngx.req.set_header("Authorization", "Bearer upstream-token")
            }
"""


def configuration(directory, listen, upstream, user, lua=None):
    """`lua` is the bearer and the division that it stands for."""
    bearer, division = lua or ("", "")
    return CONFIGURATION.format(
        directory=directory, listen=listen, upstream=upstream, user=user,
        lua_keys=KEYS.format(bearer=bearer, division=division) if lua else "",
        lua_rewrite=REWRITE if lua else "")
