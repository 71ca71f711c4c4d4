# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A Rack application for Puma: /allocate/N makes N thousand objects and keeps them until the next one does, /wait/MS computes,
# /log tells how often the collector has run, for how many ns of CPU time by Ruby's own figure, and, where GC_CLOCK is gc_clock.c's
# library, for how many ns by the clock and how often a thread was in it.
require ENV["GC_CLOCK"] if ENV["GC_CLOCK"]
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
    body = "#{GC.count} #{GC.total_time} #{ENV["GC_CLOCK"] ? "#{GcClock.ns} #{GcClock.times}" : "0 0"}"
  end
  [200, { "Content-Type" => "text/plain", "Content-Length" => body.bytesize.to_s }, [body]]
}
