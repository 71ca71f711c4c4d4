# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A Rack application for Puma: /spin/MS/.. computes, /hold/MS/.. sleeps with a Mutex, which /await/.. needs, too.
LOCK = Mutex.new

run lambda { |env|
  _, what, ms = env["PATH_INFO"].split("/")
  seconds = ms.to_f / 1000
  case what
  when "spin"
    clock = Process::CLOCK_THREAD_CPUTIME_ID
    finish = Process.clock_gettime(clock) + seconds
    nil while Process.clock_gettime(clock) < finish
  when "hold"
    LOCK.synchronize { sleep seconds }
  when "await"
    LOCK.synchronize {}
  end
  [200, { "Content-Type" => "text/plain", "Content-Length" => "2" }, ["ok"]]
}
