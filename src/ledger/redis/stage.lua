-- Puts some holders beside the ledger, to be switched to. After slots.lua.
--
-- KEYS[1] staged slots   KEYS[2] staged counts
-- ARGV[1] their lifetime in milliseconds: what a crashed rebuild leaves goes by itself
-- ARGV[2..] holders, each five fields: call slot claim business plan
--
-- Lua, because counts change only together with holders.

for at = 2, #ARGV, 5 do
  local call, slot, claim, business, plan = unpack(ARGV, at, at + 4)
  put(call, { slot = slot, claim = claim, plan = plan, business = business })
end
if torn then
  return redis.error_reply('ERR what was staged has been changed by somebody else')
end
write()
redis.call('PEXPIRE', SLOTS, ARGV[1])
redis.call('PEXPIRE', COUNTS, ARGV[1])
return redis.call('HLEN', SLOTS)
