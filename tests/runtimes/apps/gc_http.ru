# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A Rack application for Puma: /allocate/N makes N thousand objects and keeps them until the next one does, /wait/MS computes,
# /log tells how often and for how many ms the collector has run.
$kept = []

run lambda { |env|
  _, what, number = env["PATH_INFO"].split(%r{[/-]})
  body = "ok"
  case what
  when "allocate"
    $kept = Array.new(1000 * number.to_i) { |i| "object #{i}" }
  when "wait"
    finish = Process.clock_gettime(Process::CLOCK_MONOTONIC) + number.to_i / 1000.0
    nil while Process.clock_gettime(Process::CLOCK_MONOTONIC) < finish
  when "log"
    body = "#{GC.count} #{GC.stat(:time)}"
  end
  [200, { "Content-Type" => "text/plain", "Content-Length" => body.bytesize.to_s }, [body]]
}
