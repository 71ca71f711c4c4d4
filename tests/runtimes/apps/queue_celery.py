# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A Celery application with two tasks; BROKER names its broker, BACKEND where results go."""
import os

from celery import Celery
from celery.signals import worker_process_init

from queue_work import warm, work

app = Celery("shop", broker=os.environ["BROKER"], backend=os.environ.get("BACKEND"))
app.conf.broker_connection_retry_on_startup = True
worker_process_init.connect(lambda **_: warm(), weak=False)


@app.task(name="shop.mail")
def mail(plan):
    return work("shop.mail", plan)


@app.task(name="shop.bill")
def bill(plan):
    return work("shop.bill", plan)
