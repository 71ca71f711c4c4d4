# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A worker of RabbitMQ that pika's blocking connection calls; `confirms`: it publishes what it has done on the channel that it takes
messages from, and waits for the broker's word on each."""
import json
import sys

import pika

from queue_work import warm, work

url, way, prefetch = sys.argv[1], sys.argv[2], int(sys.argv[3])
channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
channel.queue_declare("jobs")
channel.queue_declare("done")
channel.basic_qos(prefetch_count=prefetch)
if way == "confirms":
    channel.confirm_delivery()


def handle(_, method, properties, body):
    plan = json.loads(body)
    if way != "plain":
        # Before the work: an end at the confirm would lose that.
        channel.basic_publish("", "done", body)
    work("jobs", plan)
    channel.basic_ack(method.delivery_tag)


warm()
channel.basic_consume("jobs", handle)
channel.start_consuming()
