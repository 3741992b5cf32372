-- Which server this is, and whether the ledger in it is whole. The other scripts begin with this text.
--
-- KEYS[1] slots   KEYS[2] counts   KEYS[3] meta   KEYS[4] seen
--
-- Lua, because the answer must still be true when the rest of the script acts on it.

local SLOTS, COUNTS, META, SEEN = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local function told(section, field)
  local value = string.match(redis.call('INFO', section), '\n' .. field .. ':(%w+)')
  if not value then
    error('INFO ' .. section .. ' does not tell the ' .. field .. ', without which lost writes go unseen')
  end
  return value
end

-- Another run_id is another process, another master_replid another history: the last writes may be lost.
local function identity()
  return told('server', 'run_id'), told('replication', 'master_replid')
end

-- The epoch of what is there, and its terms, if it is all there and was put there in this life of this server;
-- else nil.
local function whole_epoch()
  local meta = redis.call('HMGET', META, 'epoch', 'run_id', 'master_replid', 'cap', 'paused', 'reserves')
  local epoch, run_id, master_replid = meta[1], identity()
  local terms = { cap = meta[4], paused = meta[5], reserves = meta[6] }
  if not epoch or meta[2] ~= run_id or meta[3] ~= master_replid then
    return nil
  end
  if not (terms.cap and terms.paused and terms.reserves) then
    return nil
  end
  if redis.call('HGET', SEEN, 'epoch') ~= epoch then
    return nil
  end
  local counts = redis.call('HMGET', COUNTS, 'epoch', 'HT', 'OT')
  local total = (tonumber(counts[2]) or 0) + (tonumber(counts[3]) or 0)
  if counts[1] ~= epoch or redis.call('HLEN', SLOTS) ~= total then
    return nil
  end
  return epoch, terms
end
