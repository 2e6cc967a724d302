-- A chat by the OpenAI SDK, as wrk sends it. KEY is its virtual key; STREAM=1 asks for a stream.
-- Prints what came of it as one line of JSON.

local inputs = os.getenv("INPUTS")

wrk.method = "POST"
wrk.body = assert(io.open(inputs .. "/request.json")):read("a")
if os.getenv("STREAM") == "1" then
  wrk.body = wrk.body:gsub("{", '{"stream":true,', 1)
end
wrk.headers["authorization"] = "Bearer " .. os.getenv("KEY")
for line in io.lines(inputs .. "/headers.txt") do
  local name, value = line:match("^(.-): (.*)$")
  wrk.headers[name] = value
end

function done(summary, latency, requests)
  local errors = summary.errors
  local report = '\n{"requests": %d, "microseconds": %d, "refused": %d, "broken": %d, "p50": %d}\n'
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  io.write(report:format(summary.requests, summary.duration, errors.status, broken,
    latency:percentile(50)))
end
