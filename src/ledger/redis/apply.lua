-- Carries out a batch of instructions, in order, or nothing of it. After whole.lua and slots.lua.
--
-- KEYS[1] slots   KEYS[2] counts   KEYS[3] meta   KEYS[4] seen: sender -> number of its last batch
-- ARGV[1] the epoch under which the batch goes
-- ARGV[2] who sends it   ARGV[3] the batch's number, above that of every batch sent before
-- ARGV[4..] the instructions, each a letter and its fields:
--   A call business plan limit claim   ask for a slot under a lease
--   G call claim                       give the slot of that lease back
--   R call sequence                    the log says: holds nothing since
--   P call slot claim business plan    the log says: holds this since (the claim's sequence)
--   C cap paused reserves              new terms; paused is 0 or 1, reserves are JSON
--
-- Answers { epoch, 1, answers }; or { epoch of what is there, 0, {} } where it did nothing, the epoch nil where what
-- is there is not whole. An answer is one number, or for A: verdict, taken by the business, taken in all, cap.
--
-- Lua, because many replicas decide by the same counts, and what one decides the next must see. A batch may
-- arrive after its sender gave up waiting for it and sent another: the number keeps it from doing anything then.

local EPOCH, SENDER, NUMBER = ARGV[1], ARGV[2], ARGV[3]
local HELD, GRANTED, PAUSED, GLOBAL, BUSINESS, RESERVED = 0, 1, 2, 3, 4, 5

local epoch, told_terms = whole_epoch()
local last = tonumber(redis.call('HGET', SEEN, SENDER) or 0)
if epoch ~= EPOCH or tonumber(NUMBER) <= last then
  return { epoch or false, 0, {} }
end

local function understood(cap, paused, reserves)
  return { cap = tonumber(cap), paused = paused == '1', reserves = cjson.decode(reserves) }
end

local terms = understood(told_terms.cap, told_terms.paused, told_terms.reserves)
local new_terms = nil

local answers, at = {}, 4

local function take(n)
  at = at + n
  return unpack(ARGV, at - n, at - 1)
end

local function answer(n)
  answers[#answers + 1] = n
end

local function unused(plan, reserved)
  return math.max(reserved - count('HP' .. plan), 0)
end

-- The admission rule of src/domain/admission/rule.rs, for a call without a slot.
local function admit(business, plan, limit)
  if terms.paused then
    return PAUSED
  end
  local all = taken('T')
  if all >= terms.cap then
    return GLOBAL
  end
  if taken('B' .. business) >= limit then
    return BUSINESS
  end
  local for_others = 0
  for other, reserved in pairs(terms.reserves) do
    if other ~= plan then
      for_others = for_others + unused(other, reserved)
    end
  end
  if terms.cap - all <= for_others and unused(plan, terms.reserves[plan] or 0) == 0 then
    return RESERVED
  end
  return GRANTED
end

local function ask(call, business, plan, limit, claim)
  local holder = holder_of(call)
  if not holder then
    local verdict = admit(business, plan, limit)
    if verdict == GRANTED then
      put(call, { slot = 'H', claim = claim, plan = plan, business = business })
    end
    return verdict
  end
  -- The answer was lost, and the request came again.
  return holder.claim == claim and GRANTED or HELD
end

local function said_later(holder, sequence)
  return holder and string.sub(holder.claim, 1, 1) == 'S' and tonumber(string.sub(holder.claim, 2)) > sequence
end

local carry_out = {
  A = function()
    local call, business, plan, limit, claim = take(5)
    answer(ask(call, business, plan, tonumber(limit), claim))
    answer(taken('B' .. business))
    answer(taken('T'))
    answer(terms.cap)
  end,
  G = function()
    local call, claim = take(2)
    local holder = holder_of(call)
    answer(holder and holder.claim == claim and remove(call) or 0)
  end,
  R = function()
    local call, sequence = take(2)
    answer(said_later(holder_of(call), tonumber(sequence)) and 0 or remove(call))
  end,
  P = function()
    local call, slot, claim, business, plan = take(5)
    local before = holder_of(call)
    if said_later(before, tonumber(string.sub(claim, 2))) then
      return answer(0)
    end
    local same = before and before.slot == slot and before.business == business and before.plan == plan
    put(call, { slot = slot, claim = claim, plan = plan, business = business })
    answer(same and 0 or 1)
  end,
  C = function()
    local cap, paused, reserves = take(3)
    new_terms = { 'cap', cap, 'paused', paused, 'reserves', reserves }
    terms = understood(cap, paused, reserves)
    answer(0)
  end,
}

while at <= #ARGV do
  carry_out[take(1)]()
end
if torn then
  return { false, 0, {} }
end

-- First what a server without memory or with a full disk refuses: then nothing has changed yet.
redis.call('HSET', SEEN, SENDER, NUMBER)
if new_terms then
  redis.call('HSET', META, unpack(new_terms))
end
write()
return { epoch, 1, answers }
