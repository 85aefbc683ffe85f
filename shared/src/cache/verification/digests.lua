-- Finds the digests of what a client showed. A record holds its own under the pepper that was
-- current when it began. The caller cannot know which, and hands in those under each pepper.
-- ARGV[first]: how many peppers; then for each its id and `width` digests.
-- Returns the place of the first digest under `pepper`, nil if the caller does not have it.
local function digests_under(pepper, first, width)
  for i = 0, tonumber(ARGV[first]) - 1 do
    local at = first + 1 + i * (width + 1)
    if ARGV[at] == pepper then return at + 1 end
  end
end
