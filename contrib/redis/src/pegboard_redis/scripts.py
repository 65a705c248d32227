"""What Redis runs as a whole: a reservation, and its end.

Lua's numbers are exact to 2**53 only, so levels are added by Redis itself and compared as texts. A
level that would be more than 2**63 - 1 stays there.

A counter is a hash of ``l`` (its level) and ``h`` (what of that is held); its key ends when its
window does, and an hour more, for calls that run on. A reservation is a list of counters and
amounts. All keys share a tag in braces, so a cluster keeps them in one place.
"""

from __future__ import annotations

_COMMON = """
local MOST = "9223372036854775807"

local function less(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end

-- Returns what was added, which is what settling takes away again.
local function add(key, field, amount)
  local known = redis.call("HGET", key, field) or "0"
  local done = redis.pcall("HINCRBY", key, field, amount)
  if type(done) ~= "table" or not done.err then return amount end
  redis.call("HSET", key, field, MOST)
  redis.call("HINCRBY", key, field, "-" .. known)
  local room = redis.call("HGET", key, field)
  redis.call("HSET", key, field, MOST)
  return room
end

local function take(key, field, amount)
  if amount == "0" then return end
  local known = redis.call("HGET", key, field) or "0"
  if less(known, amount) then
    redis.call("HSET", key, field, "0")
  else
    redis.call("HINCRBY", key, field, "-" .. amount)
  end
end
"""

RESERVE = (
    _COMMON
    + """
-- KEYS: the reservation, then the counters. ARGV: how long the reservation is kept in ms, then of
-- each counter its amount, its limit ("" for none) and how long it is kept in ms.
if redis.call("EXISTS", KEYS[1]) == 1 then return {} end
local refused = {}
for place = 2, #KEYS do
  local at = 3 * (place - 2) + 2
  local amount, limit = ARGV[at], ARGV[at + 1]
  if limit ~= "" and amount ~= "0" then
    local level = redis.call("HGET", KEYS[place], "l") or "0"
    if not less(level, limit) then
      refused[#refused + 1] = tostring(place - 2)
      refused[#refused + 1] = level
      refused[#refused + 1] = redis.call("HGET", KEYS[place], "h") or "0"
    end
  end
end
if #refused > 0 then return refused end
for place = 2, #KEYS do
  local at = 3 * (place - 2) + 2
  local added = add(KEYS[place], "l", ARGV[at])
  add(KEYS[place], "h", added)
  redis.call("PEXPIRE", KEYS[place], ARGV[at + 2])
  redis.call("RPUSH", KEYS[1], KEYS[place], added)
end
redis.call("PEXPIRE", KEYS[1], ARGV[1])
return {}
"""
)

SETTLE = (
    _COMMON
    + """
-- KEYS: the reservation. ARGV: the amounts that its counters end at.
local held = redis.call("LRANGE", KEYS[1], 0, -1)
for place = 1, #held, 2 do
  local key, reserved = held[place], held[place + 1]
  if redis.call("EXISTS", key) == 1 then
    take(key, "l", reserved)
    take(key, "h", reserved)
    add(key, "l", ARGV[(place + 1) / 2])
  end
end
redis.call("DEL", KEYS[1])
return #held
"""
)
