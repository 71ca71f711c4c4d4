<?php
// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// What PHP-FPM's workers do, and the account that each script keeps of it: the interface of go_server.go, without its steps
// side by side. What a wait took of a CPU, or waited for one, is taken off its end. Accounts lie in $SCRATCH/log.

const MS = 1e6;

function clock(int $which): int
{
    static $libc, $time;
    $libc ??= FFI::cdef('struct ts { long s; long ns; }; int clock_gettime(int, struct ts *);');
    $time ??= $libc->new('struct ts');
    $libc->clock_gettime($which, FFI::addr($time));
    return $time->s * 1000000000 + $time->ns;
}

function now(): int
{
    return clock(1);
}

/** CPU time, and time that was waited for one. */
function used(): array
{
    return [clock(2), (int)explode(' ', file_get_contents('/proc/self/schedstat'))[1]];
}

$waits = $cpu = $operations = [];

function wait(string $kind, callable $body): array
{
    global $waits;
    [$spent, $delayed] = used();
    $start = now();
    $body();
    $end = now();
    [$spent_then, $delayed_then] = used();
    $waits[] = [$kind, $start, max($start, $end - ($spent_then - $spent) - ($delayed_then - $delayed)), $end];
    return [$start, $end];
}

function operation(string $system, string $statement, string $kind, callable $body): void
{
    global $operations;
    [$start, $end] = wait($kind, $body);
    $operations[] = [$system, $statement, $start, $end];
}

function spin(float $ms): void
{
    $end = clock(2) + $ms * MS;
    while (clock(2) < $end) {
        for ($i = 0, $sum = 0; $i < 2000; $i++) {
            $sum = $sum * 31 % 1000003 + $i;
        }
    }
}

/** The worker's connection, which is reset when it is taken again. */
function database()
{
    static $connection;
    if (!$connection) {
        $connect = function () use (&$connection) {
            $connection = pg_pconnect(getenv('POSTGRES_DSN'));
        };
        $taken = getenv('SCRATCH') . '/database' . getmypid();
        operation('postgresql', file_exists($taken) ? 'RESET ALL' : 'connect', 'db', $connect);
        touch($taken);
    }
    return $connection;
}

function redis(): Redis
{
    static $redis;
    if (!$redis) {
        $redis = new Redis();
        operation('redis', 'connect', 'db', fn() => $redis->pconnect('127.0.0.1', (int)getenv('REDIS_PORT')));
    }
    return $redis;
}

function pg(string $name, float $ms): void
{
    $statement = sprintf('SELECT pg_sleep(%f) AS of_%s', $ms / 1000, $name);
    database();
    operation('postgresql', $statement, 'db', fn() => pg_query(database(), $statement));
}

function upstream(float $ms): void
{
    $socket = stream_socket_client('tcp://127.0.0.1:' . getenv('UPSTREAM_PORT'));
    fwrite($socket, "GET /delay/$ms/100 HTTP/1.1\r\nHost: upstream\r\nConnection: close\r\n\r\n");
    stream_get_contents($socket);
    fclose($socket);
}

function step(string $name, string $step, float $number): void
{
    global $cpu;
    $scratch = getenv('SCRATCH');
    switch ($step) {
        case 'cpu':
            $start = now();
            $spent = clock(2);
            spin($number);
            $spent = clock(2) - $spent;
            $cpu[] = [$start, now(), $spent];
            break;
        case 'pg':
            pg($name, $number);
            break;
        case 'many':
            for ($i = 0; $i < (int)$number; $i++) {
                $statement = "SELECT count(*) AS short_$name";
                database();
                operation('postgresql', $statement, 'db', fn() => pg_query(database(), $statement));
            }
            break;
        case 'redis':
            redis();
            operation('redis', '', 'db', fn() => redis()->time());
            break;
        case 'http':
            operation('http', '', 'net', fn() => upstream($number));
            break;
        case 'sleep':
            wait('sleep', fn() => usleep((int)($number * 1000)));
            break;
        case 'lock':
            $file = fopen("$scratch/lock", 'c');
            wait('lock', fn() => flock($file, LOCK_EX));
            $start = now();
            $spent = clock(2);
            spin(0.1);
            $cpu[] = [$start, now(), clock(2) - $spent];
            flock($file, LOCK_UN);
            break;
        case 'fsync':
            $file = fopen("$scratch/file" . getmypid(), 'c');
            fwrite($file, str_repeat('x', 65536));
            wait('disk', fn() => fsync($file));
            break;
        default:
            throw new ValueError($step);
    }
}

function truth(): string
{
    $all = ['waits' => [], 'cpu' => [], 'operations' => [], 'cpu_ns' => 0];
    foreach (glob(getenv('SCRATCH') . '/log*') as $log) {
        foreach (file($log) as $line) {
            [$name, $waits, $cpu, $operations] = json_decode($line);
            $all['waits'][$name] = $waits;
            $all['cpu'][$name] = $cpu;
            $all['operations'][$name] = $operations;
        }
    }
    $master = posix_getppid();
    foreach (explode(' ', trim(file_get_contents("/proc/$master/task/$master/children"))) as $worker) {
        $all['cpu_ns'] += (int)file_get_contents("/proc/$worker/schedstat");
    }
    return json_encode($all);
}

function answer(string $body): void
{
    header('Content-Length: ' . strlen($body));
    echo $body;
}

$path = strtok($_SERVER['REQUEST_URI'], '?');
if ($path === '/truth') {
    answer(truth());
    return;
}
$name = basename($path);
$after = [];
foreach (explode(',', $_GET['do']) as $step) {
    [$step, $number] = explode(':', "$step:0");
    if ($step === 'after') {
        $after[] = (float)$number;
    } else {
        step($name, $step, (float)$number);
    }
}
answer("$name\n");
fastcgi_finish_request();
$log = json_encode([$name, $waits, $cpu, $operations]) . "\n";
// Nobody waits for this, so nobody is charged for it.
foreach ($after as $ms) {
    pg('nobody', $ms);
    redis()->time();
    spin(0.3);
    upstream($ms);
}
file_put_contents(getenv('SCRATCH') . '/log' . getmypid(), $log, FILE_APPEND);
