# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# frozen_string_literal: true

# A Rack app whose handlers do known work and keep account of it: the interface of go_server.go, without its steps side by side. What
# a thread waited for Ruby's own lock it can't tell from other time that it had no CPU: both are left open. Accounts lie in
# $SCRATCH/log*, as Puma may have several processes.
require 'json'
require 'net/http'
require 'pg'
require 'redis'

REALTIME = Integer(ENV.fetch('REALTIME'))
SCRATCH = ENV.fetch('SCRATCH')
LOCK = Mutex.new

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)
end

def thread_cpu
  Process.clock_gettime(Process::CLOCK_THREAD_CPUTIME_ID, :nanosecond)
end

def used
  thread_cpu + Integer(File.read('/proc/thread-self/schedstat').split[1])
end

def spin(milliseconds)
  finish = thread_cpu + milliseconds * 1e6
  sum = 0
  500.times { |i| sum = (sum * 31 + i) % 1_000_003 } while thread_cpu < finish
end

# What a request did.
class Ledger
  attr_reader :name, :waits, :cpu, :operations

  def initialize(name)
    @name = name
    @waits = []
    @cpu = []
    @operations = []
  end

  # The block says when what it waited for was done; or nil: then what the thread ran, or waited for a CPU, is taken off.
  def wait(kind)
    spent = used
    start = now
    ready = yield
    finish = now
    ready ||= finish - (used - spent)
    @waits << [kind, start, ready.clamp(start, finish), finish]
    [start, finish]
  end

  def operation(system, statement, kind, &)
    start, finish = wait(kind, &)
    @operations << [system, statement, start, finish]
  end

  # What it did not run of the time is left open.
  def compute
    start = now
    spent = thread_cpu
    yield
    spent = thread_cpu - spent
    @cpu << [start, start + spent, spent]
  end

  def save
    File.open("#{SCRATCH}/log#{Process.pid}", 'a') { |file| file.write("#{[@name, @waits, @cpu, @operations].to_json}\n") }
  end
end

def mine(key)
  Thread.current.thread_variable_get(key) || yield.tap { |made| Thread.current.thread_variable_set(key, made) }
end

# A connection that a thread makes is an operation of its own.
def connect(ledger, system)
  made = nil
  ledger.operation(system, 'connect', 'db') do
    made = yield
    nil
  end
  made
end

def database(ledger)
  mine(:database) { connect(ledger, 'postgresql') { PG.connect(ENV.fetch('POSTGRES_DSN')) } }
end

def redis(ledger)
  mine(:redis) do
    # It connects with its first command.
    made = connect(ledger, 'redis') { Redis.new(host: '127.0.0.1', port: Integer(ENV.fetch('REDIS_PORT'))).tap(&:time) }
    ledger.operations << ['redis', '', *ledger.operations.last.last(2)]
    made
  end
end

def query(ledger, what, label)
  connection = database(ledger)
  statement = "SELECT #{what}(extract(epoch FROM clock_timestamp()) * 1e6)::bigint AS #{label}"
  ledger.operation('postgresql', statement, 'db') { connection.exec(statement).getvalue(0, what.empty? ? 0 : 1).to_i * 1000 - REALTIME }
end

def pg(ledger, milliseconds)
  query(ledger, "pg_sleep(#{milliseconds / 1000}), ", "of_#{ledger.name}")
end

def upstream(milliseconds)
  response = Net::HTTP.get_response(URI("http://127.0.0.1:#{ENV.fetch('UPSTREAM_PORT')}/delay/#{milliseconds}/100"))
  Integer(response['X-Sent-Ns'])
end

def step(ledger, step, number)
  case step
  when 'cpu' then ledger.compute { spin(number) }
  when 'pg' then pg(ledger, number)
  when 'many' then number.to_i.times { query(ledger, '', "short_#{ledger.name}") }
  when 'redis'
    connection = redis(ledger)
    ledger.operation('redis', '', 'db') { connection.time && nil }
  when 'http' then ledger.operation('http', '', 'net') { upstream(number) }
  when 'sleep'
    ledger.wait('sleep') do
      start = now
      sleep(number / 1000)
      start + (number * 1e6).to_i
    end
  when 'lock'
    ledger.wait('lock') { LOCK.lock && nil }
    ledger.compute { spin(0.1) }
    LOCK.unlock
  when 'fsync'
    File.open("#{SCRATCH}/file#{Thread.current.object_id}", 'w') do |file|
      file.write('x' * 65_536)
      file.flush
      ledger.wait('disk') { file.fsync && nil }
    end
  else raise ArgumentError, step
  end
end

def truth
  all = { waits: {}, cpu: {}, operations: {}, cpu_ns: 0 }
  Dir.glob("#{SCRATCH}/log*").each do |log|
    File.foreach(log) do |line|
      name, *parts = JSON.parse(line)
      all[:waits][name], all[:cpu][name], all[:operations][name] = parts
    rescue JSON::ParserError
      next # it is being written
    end
  end
  Dir.glob("#{SCRATCH}/log*").each do |log|
    Dir.glob("/proc/#{log[/\d+$/]}/task/*/schedstat") { |file| all[:cpu_ns] += File.read(file).to_i }
  end
  all.to_json
end

def answer(body)
  [200, { 'Content-Length' => body.bytesize.to_s }, [body]]
end

APP = lambda do |env|
  return answer(truth) if env['PATH_INFO'] == '/truth'

  ledger = Ledger.new(File.basename(env['PATH_INFO']))
  after = []
  env['QUERY_STRING'].delete_prefix('do=').split(',').each do |text|
    name, number = text.split(':')
    name == 'after' ? after << number.to_f : step(ledger, name, number.to_f)
  end
  # When the response is out nobody waits for its thread, so nobody is charged.
  env['rack.after_reply'] << lambda do
    ledger.save
    after.each do |milliseconds|
      nobody = Ledger.new('nobody')
      pg(nobody, milliseconds)
      redis(nobody).time
      spin(0.3)
      upstream(milliseconds)
    end
  end
  answer("#{ledger.name}\n")
end
