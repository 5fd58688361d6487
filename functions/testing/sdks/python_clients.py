"""Makes the calls of one unmodified Python client, and ends when it has delivered them or given them up.

    python python_clients.py segment|rudderstack|posthog every|one plain|gzip URL KEY

Retries are three, so that a test of "for ever" ends; every other setting but the host is as it comes.
"""

import logging
import sys


def segment(url, key, gzip):
    from segment.analytics.client import Client

    return Client(key, host=url, gzip=gzip, max_retries=3)


def rudderstack(url, key, gzip):
    from rudderstack.analytics.client import Client

    return Client(key, host=url, gzip=gzip, max_retries=3)


def every_segment_call(client):
    client.identify("u1", {"plan": "pro"})
    client.track("u1", "Order Completed", {"total": 9.5})
    client.page("u1", "Shop", "Home", {"url": "https://shop.example/"})
    client.screen("u1", "Shop", "Main", {"tab": 1})
    client.group("u1", "g1", {"seats": 3})
    client.alias("a1", "u1")


def posthog(url, key, gzip):
    from posthog import Posthog

    return Posthog(key, host=url, gzip=gzip, max_retries=3)


def every_posthog_call(client):
    client.set(distinct_id="u1", properties={"plan": "pro"})
    client.set_once(distinct_id="u1", properties={"first": 1})
    client.capture("Order Completed", distinct_id="u1", properties={"total": 9.5})
    client.capture("$pageview", distinct_id="u1", properties={"$current_url": "https://shop.example/"})
    client.group_identify("company", "g1", {"seats": 3})
    client.alias("a1", "u1")
    client.capture_exception(ValueError("a test"), distinct_id="u1")


CLIENTS = {
    "segment": (segment, every_segment_call, lambda client: client.track("u1", "One")),
    "rudderstack": (rudderstack, every_segment_call, lambda client: client.track("u1", "One")),
    "posthog": (posthog, every_posthog_call, lambda client: client.capture("One", distinct_id="u1")),
}

if __name__ == "__main__":
    name, calls, encoding, url, key = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    make, every, one = CLIENTS[name]
    client = make(url, key, encoding == "gzip")
    (every if calls == "every" else one)(client)
    # Waits until nothing is queued and the request in flight has ended, retries included.
    client.queue.join()
    client.shutdown()
