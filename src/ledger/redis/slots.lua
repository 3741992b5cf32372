-- Holders and their counts, which change only together. Scripts that change them begin with this text.
--
-- KEYS[1] slots: call -> holder, as "SLOT CLAIM LENGTH PLANBUSINESS". SLOT is H (held) or O (overflow). CLAIM
--         is L and a lease in hex, or S and a sequence of the log. LENGTH is that of PLAN in bytes: plan and
--         business may be any text.
-- KEYS[2] counts: SLOT followed by T (the whole pool), P and a plan, or B and a business -> how many.
--
-- Everything is decided on copies and written at the end: a script that stops half way has done nothing.

local SLOTS, COUNTS = KEYS[1], KEYS[2]

local holders, moved, counts, shifted = {}, {}, {}, {}
-- Something that was read is not what these scripts write: nothing may be decided by it.
local torn = false

local function unpacked(text)
  local slot, claim, length, names = string.match(text, '^([HO]) ([LS]%w+) (%d+) (.+)$')
  if not slot then
    torn = true
    return false
  end
  length = tonumber(length)
  return { slot = slot, claim = claim, plan = string.sub(names, 1, length), business = string.sub(names, length + 1) }
end

local function packed(holder)
  return string.format('%s %s %d ', holder.slot, holder.claim, #holder.plan) .. holder.plan .. holder.business
end

-- What the call holds; false: nothing.
local function holder_of(call)
  if holders[call] == nil then
    local text = redis.call('HGET', SLOTS, call)
    holders[call] = text and unpacked(text)
  end
  return holders[call]
end

local function count(field)
  if not counts[field] then
    local text = redis.call('HGET', COUNTS, field)
    counts[field] = tonumber(text or 0)
    if not counts[field] then
      torn, counts[field] = true, 0
    end
  end
  return counts[field]
end

local function taken(group)
  return count('H' .. group) + count('O' .. group)
end

local function shift(holder, by)
  for _, group in ipairs({ 'T', 'P' .. holder.plan, 'B' .. holder.business }) do
    local field = holder.slot .. group
    counts[field] = count(field) + by
    shifted[field] = true
    torn = torn or counts[field] < 0
  end
end

local function remove(call)
  local holder = holder_of(call)
  if not holder then
    return 0
  end
  shift(holder, -1)
  holders[call], moved[call] = false, true
  return 1
end

local function put(call, holder)
  remove(call)
  shift(holder, 1)
  holders[call], moved[call] = holder, true
end

local function write()
  for call in pairs(moved) do
    if holders[call] then
      redis.call('HSET', SLOTS, call, packed(holders[call]))
    else
      redis.call('HDEL', SLOTS, call)
    end
  end
  for field in pairs(shifted) do
    if counts[field] > 0 then
      redis.call('HSET', COUNTS, field, counts[field])
    else
      redis.call('HDEL', COUNTS, field)
    end
  end
end
