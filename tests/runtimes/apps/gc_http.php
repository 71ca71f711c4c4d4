<?php
// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// For PHP's own server: /cycles/N makes N thousand arrays that refer to themselves and tells how often the collector ran, and how
// long it took all in all by a clock around a last run; /wait/MS computes.
[, $what, $number] = array_pad(preg_split('#[/-]#', $_SERVER['REQUEST_URI']), 3, 0);
if ($what === 'cycles') {
    gc_collect_cycles();
    $runs = gc_status()['runs'];
    for ($i = 0; $i < 1000 * $number; $i++) {
        $array = [$i];
        $array[] = &$array;
        unset($array);
    }
    $began = hrtime(true);
    gc_collect_cycles();
    echo json_encode(['runs' => gc_status()['runs'] - $runs, 'last_ns' => hrtime(true) - $began]);
} elseif ($what === 'wait') {
    for ($end = hrtime(true) + 1000000 * $number; hrtime(true) < $end;);
    echo 'ok';
} else {
    echo 'ok';
}
