-- Tells terms and counts of a whole ledger, or nil. After whole.lua.
--
-- KEYS[1..4] slots, counts, meta, seen
--
-- Answers { cap, paused, reserves as JSON, count fields and their values in turn }.
--
-- Lua, because terms and counts must be of one moment.

local epoch, terms = whole_epoch()
if not epoch then
  return false
end
return { terms.cap, terms.paused, terms.reserves, redis.call('HGETALL', COUNTS) }
