#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Consul as a source of seeds.

    consul_test.py DISCOVERY_WATCH

Against a server that answers as Consul documents its catalog and health endpoints: blocking queries
with an index, tokens, tags.
"""

import socket
import sys
import time

from http_fake import Fake
from watching import Case, main, wait_until


def instance(number, node_address="10.1.10.12", address=None, port=None, tags=(), passing=True):
    return {"id": "cache-%d" % number, "node_address": node_address, "passing": passing,
            "address": "10.0.0.%d" % number if address is None else address,
            "port": 7946 if port is None else port, "tags": list(tags)}


def catalog_entry(one, index):
    """As GET /v1/catalog/service/:service."""
    return {"ID": "40e4a748-2192-161a-0510-9bf59fe950b5", "Node": "t2.320",
            "Address": one["node_address"], "Datacenter": "dc1",
            "TaggedAddresses": {"lan": one["node_address"], "wan": one["node_address"]},
            "NodeMeta": {"somekey": "somevalue"}, "CreateIndex": 51, "ModifyIndex": index,
            "ServiceAddress": one["address"], "ServiceEnableTagOverride": False,
            "ServiceID": one["id"], "ServiceName": "cache", "ServicePort": one["port"],
            "ServiceMeta": {"cache_meta_value": "baz"}, "ServiceTaggedAddresses": {},
            "ServiceTags": one["tags"], "ServiceProxy": {"DestinationServiceName": ""},
            "Namespace": "default"}


def health_entry(one, index):
    """As GET /v1/health/service/:service."""
    return {"Node": {"ID": "40e4a748-2192-161a-0510-9bf59fe950b5", "Node": "foobar",
                     "Address": one["node_address"], "Datacenter": "dc1",
                     "TaggedAddresses": {"lan": one["node_address"]}, "Meta": {}},
            "Service": {"ID": one["id"], "Service": "cache", "Tags": one["tags"],
                        "Address": one["address"], "Meta": {}, "Port": one["port"],
                        "Weights": {"Passing": 10, "Warning": 1}, "ModifyIndex": index},
            "Checks": [{"Node": "foobar", "CheckID": "serfHealth", "Status":
                        "passing" if one["passing"] else "critical", "ServiceID": ""}]}


class FakeConsul(Fake):
    def __init__(self, *instances, token=None, **named):
        super().__init__(**named)
        self.instances = list(instances)
        self.index = 10
        self.token = token
        self.broken = 0
        self.with_index = True
        self.start()

    def become(self, *instances, index=None):
        with self.lock:
            self.instances = list(instances)
            self.index = self.index + 1 if index is None else index
            self.lock.notify_all()

    def on_request(self, request):
        if self.token and request.headers.get("X-Consul-Token") != self.token:
            return request.answer(403, b"Permission denied: token with AccessorID lacks permission")
        if self.broken:
            self.broken -= 1
            return request.answer(500, b"No cluster leader")
        asked = int(request.query.get("index", 0))
        end = time.monotonic() + int(request.query["wait"].removesuffix("s"))
        with self.lock:
            while asked == self.index and not self.closing and time.monotonic() < end:
                self.lock.wait(0.1)
            index, all_of_them = self.index, list(self.instances)
        if "tag" in request.query:
            all_of_them = [one for one in all_of_them if request.query["tag"] in one["tags"]]
        if request.query.get("passing"):
            all_of_them = [one for one in all_of_them if one["passing"]]
        make = {"/v1/catalog/service/cache": catalog_entry,
                "/v1/health/service/cache": health_entry}.get(request.path)
        if make is None:
            return request.answer(404, b"no such path")
        headers = [("X-Consul-Index", str(index))] if self.with_index else []
        return request.answer(200, [make(one, index) for one in all_of_them], headers)


class Consul(Case):
    def serve(self, *instances, **named):
        consul = FakeConsul(*instances, **named)
        self.addCleanup(consul.close)
        return consul

    def follow(self, consul, *more):
        return self.watch("consul", "--name", "cache", "--url", consul.url, *more)

    def test_instances_at_their_own_or_their_nodes_address(self):
        consul = self.serve(instance(1), instance(2, address=""),
                            instance(3, address="2001:db8::3", passing=False))
        watcher = self.follow(consul)
        watcher.expect_seeds("10.0.0.1:7946", "10.1.10.12:7946", "[2001:db8::3]:7946")
        self.assertLess(watcher.close(), 5000)

    def test_changes_come_when_they_happen(self):
        consul = self.serve(instance(1))
        watcher = self.follow(consul)
        watcher.expect_seeds("10.0.0.1:7946")
        wait_until(lambda: len(consul.requests) == 2, "a query that waits")
        self.assertEqual([r.query["index"] for r in consul.requests], ["0", "10"])
        consul.become(instance(1), instance(2))
        watcher.expect_seeds("10.0.0.1:7946", "10.0.0.2:7946")
        consul.become()
        watcher.expect_seeds()

    def test_a_wait_without_news_is_no_news(self):
        consul = self.serve(instance(1))
        watcher = self.follow(consul, "--watch-ms", 1000)
        watcher.expect_seeds("10.0.0.1:7946")
        wait_until(lambda: len(consul.requests) >= 4, "several queries")
        watcher.expect_silence(0.1)

    def test_an_index_that_goes_back_is_forgotten(self):
        consul = self.serve(instance(1))
        watcher = self.follow(consul)
        watcher.expect_seeds("10.0.0.1:7946")
        wait_until(lambda: len(consul.requests) == 2, "a query that waits")
        consul.become(instance(2), index=5)
        watcher.expect_seeds("10.0.0.2:7946")
        wait_until(lambda: len(consul.requests) >= 4, "more queries")
        self.assertEqual([r.query["index"] for r in consul.requests[:4]], ["0", "10", "0", "5"])

    def test_without_an_index_it_is_asked_now_and_then(self):
        consul = self.serve(instance(1))
        consul.with_index = False
        watcher = self.follow(consul)
        watcher.expect_seeds("10.0.0.1:7946")
        watcher.expect_silence(3)
        self.assertEqual(len(consul.requests), 1)

    def test_only_passing_instances(self):
        consul = self.serve(instance(1), instance(2, passing=False))
        watcher = self.follow(consul, "--only-passing")
        watcher.expect_seeds("10.0.0.1:7946")
        consul.become(instance(1), instance(2, passing=True))
        watcher.expect_seeds("10.0.0.1:7946", "10.0.0.2:7946")

    def test_only_instances_with_a_tag(self):
        consul = self.serve(instance(1, tags=["a b&c"]), instance(2))
        watcher = self.follow(consul, "--tag", "a b&c")
        watcher.expect_seeds("10.0.0.1:7946")

    def test_a_token_and_its_rotation(self):
        consul = self.serve(instance(1), token="first")
        token = self.write("token", "first\n")
        watcher = self.follow(consul, "--token-file", token)
        watcher.expect_seeds("10.0.0.1:7946")
        wait_until(lambda: len(consul.requests) == 2, "a query that waits")
        consul.token = "second"
        consul.become(instance(2))
        # The query under way was let in with the first token; the next is not.
        watcher.expect_seeds("10.0.0.2:7946")
        self.assertIn("HTTP 403: Permission denied", watcher.expect("trouble"))
        self.write("token", "second")
        watcher.expect("recovered")

    def test_a_given_token(self):
        consul = self.serve(instance(1), token="given")
        watcher = self.follow(consul, "--token", "given")
        watcher.expect_seeds("10.0.0.1:7946")

    def test_errors_keep_the_seeds_and_are_told_once(self):
        consul = self.serve(instance(1))
        watcher = self.follow(consul)
        watcher.expect_seeds("10.0.0.1:7946")
        wait_until(lambda: len(consul.requests) == 2, "a query that waits")
        consul.broken = 3
        consul.cut()
        watcher.expect("trouble")
        watcher.expect("recovered")
        self.assertEqual(consul.broken, 0)

    def test_rubbish_is_trouble(self):
        consul = self.serve(instance(1))
        answers = [b"{}", b"\xff\xfe", b"x" * 1000]
        real = consul.on_request
        consul.on_request = lambda r: r.answer(200, answers.pop(0)) if answers else real(r)
        watcher = self.follow(consul)
        watcher.expect("trouble")
        watcher.expect_seeds("10.0.0.1:7946")
        watcher.expect("recovered")

    def test_an_answer_that_is_too_long_is_trouble(self):
        consul = self.serve(instance(1))
        answers = [b"[" + b" " * (17 << 20) + b"]"]
        real = consul.on_request
        consul.on_request = lambda r: r.answer(200, answers.pop(0)) if answers else real(r)
        watcher = self.follow(consul)
        self.assertIn("longer than", watcher.expect("trouble"))
        watcher.expect_seeds("10.0.0.1:7946")

    def test_an_instance_that_cannot_be_reached_does_not_hide_the_others(self):
        consul = self.serve(instance(1), instance(2, port=0), instance(3, address="no host"))
        watcher = self.follow(consul)
        watcher.expect_seeds("10.0.0.1:7946")
        watcher.expect("trouble")
        consul.become(instance(1), instance(2))
        watcher.expect_seeds("10.0.0.1:7946", "10.0.0.2:7946")
        watcher.expect("recovered")

    def test_more_instances_than_are_used(self):
        consul = self.serve(*[instance(i % 250, address="10.0.%d.%d" % (i // 250, i % 250))
                              for i in range(16400)])
        watcher = self.follow(consul)
        self.assertEqual(len(watcher.expect("seeds").split()), 1 + 16384)
        self.assertIn("16400 seeds", watcher.expect("trouble"))

    def test_stops_while_a_query_waits(self):
        consul = self.serve(instance(1))
        watcher = self.follow(consul)
        watcher.expect_seeds("10.0.0.1:7946")
        wait_until(lambda: len(consul.requests) == 2, "a query that waits")
        self.assertLess(watcher.close(), 5000)

    def test_nobody_listens(self):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            watcher = self.watch("consul", "--name", "cache", "--url",
                                 "http://127.0.0.1:%d" % one.getsockname()[1])
            watcher.expect("trouble Consul cache: http://127.0.0.1:")
            watcher.expect_silence(2)


if __name__ == "__main__":
    main(sys.argv)
