-- A replica says what it holds and owes of a rate, and takes its part of what is left.
-- KEYS: the bucket. ARGV: replica, burst, per minute, held, owed, replicas, lease in ms.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local me, burst, rate = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local held, owed, replicas = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local lease = tonumber(ARGV[7])
local tokens, at, others = burst, now, 0
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    if name == 'tokens' then
        tokens = tonumber(value)
    elseif name == 'at' then
        at = tonumber(value)
    elseif name ~= 'held:' .. me then
        local amount, ends = string.match(value, '^(%d+) (%d+)$')
        if tonumber(ends) < now then
            -- Whoever held it is gone, and what it held comes back as all does: with time.
            redis.call('HDEL', KEYS[1], name)
        else
            others = others + tonumber(amount)
        end
    end
end
local regained = math.max(0, now - at) * rate / 60000
tokens = math.min(burst - others - held, tokens + regained) - owed
local left = tokens + held
local target = math.max(0, math.min(math.floor(left), math.ceil(left / replicas)))
tokens = tokens + held - target
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.0f', math.max(at, now)),
    'held:' .. me, string.format('%.0f %.0f', target, now + lease))
-- When it is whole again nobody needs to know that it was not.
redis.call('PEXPIRE', KEYS[1], math.ceil(math.max(burst - tokens, 0) * 60000 / rate) + 2 * lease)
return { target, math.max(0, math.floor(tokens)) }
