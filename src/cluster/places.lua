-- A replica says how many requests it has under way, and takes its part of the places that are left.
-- KEYS: the places. ARGV: replica, limit, under way, replicas, lease in ms.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local me, limit, mine = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local replicas, lease = tonumber(ARGV[4]), tonumber(ARGV[5])
local others = 0
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    if name ~= me then
        local amount, ends = string.match(value, '^(%d+) (%d+)$')
        if tonumber(ends) < now then
            redis.call('HDEL', KEYS[1], name)
        else
            others = others + tonumber(amount)
        end
    end
end
local left = math.max(0, limit - others - mine)
local spare = math.ceil(left / replicas)
redis.call('HSET', KEYS[1], me, string.format('%.0f %.0f', mine + spare, now + lease))
redis.call('PEXPIRE', KEYS[1], 2 * lease)
return { mine + spare, left - spare }
