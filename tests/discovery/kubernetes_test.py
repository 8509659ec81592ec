#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""EndpointSlices of Kubernetes as a source of seeds.

    kubernetes_test.py DISCOVERY_WATCH

Against a server that lists and watches as the Kubernetes API documents it: pages, resource
versions, bookmarks, 410 Gone, bearer tokens, TLS.
"""

import os
import socket
import sys
import time

from http_fake import Fake
from watching import Case, free_port, main, wait_until

PATH = "/apis/discovery.k8s.io/v1/namespaces/prod/endpointslices"


def endpoint(*addresses, ready=True, serving=True, terminating=False):
    return {"addresses": list(addresses),
            "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
            "nodeName": "node-1", "zone": "eu-1",
            "targetRef": {"kind": "Pod", "namespace": "prod", "name": "cache-0",
                          "uid": "26d13d54-9431-4ad1-a6f5-d0dd5ad8e2a5"}}


def port(number, name="gossip"):
    return {"name": name, "protocol": "TCP", "port": number}


def slice_of(name, *endpoints, ports=None, address_type="IPv4"):
    return {"metadata": {"name": name, "namespace": "prod", "generateName": "cache-", "generation": 1,
                         "uid": "a2b2b3b6-0c0f-4a58-9cb8-8a0c4e4a2b6e",
                         "creationTimestamp": "2024-03-01T10:00:00Z",
                         "labels": {"kubernetes.io/service-name": "cache",
                                    "endpointslice.kubernetes.io/managed-by":
                                        "endpointslice-controller.k8s.io"}},
            "addressType": address_type,
            "endpoints": list(endpoints) or None,
            "ports": ports if ports is not None else [port(7946), port(7947, "data")]}


def status(code, reason, message):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code}


class FakeApi(Fake):
    """The part of an API server that knows EndpointSlices."""

    def __init__(self, *arguments, slices=(), token=None, version=100, oldest=0, **named):
        super().__init__(*arguments, **named)
        self.version = version
        self.oldest = oldest
        self.slices = {}
        self.events = []
        self.token = token
        self.page_size = None
        self.watch_answers = []
        self.watches = 0
        for one in slices:
            self.put(one)
        self.start()

    def put(self, one, kind=None):
        with self.lock:
            self.version += 1
            known = one["metadata"]["name"] in self.slices
            one["metadata"]["resourceVersion"] = str(self.version)
            self.slices[one["metadata"]["name"]] = one
            self._tell(kind or ("MODIFIED" if known else "ADDED"), one)

    def remove(self, name):
        with self.lock:
            self.version += 1
            one = self.slices.pop(name)
            one["metadata"]["resourceVersion"] = str(self.version)
            self._tell("DELETED", one)

    def bookmark(self):
        """The version has moved on for reasons that are nobody's business."""
        with self.lock:
            self.version += 50
            self._tell("BOOKMARK", {"metadata": {"resourceVersion": str(self.version),
                                                 "creationTimestamp": None}})

    def _tell(self, kind, one):
        one = {"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", **one}
        self.events.append((self.version, {"type": kind, "object": one}))
        self.lock.notify_all()

    def lists(self):
        return [r for r in self.requests if "watch" not in r.query]

    def watch_requests(self):
        return [r for r in self.requests if "watch" in r.query]

    def on_request(self, request):
        if request.path != PATH or request.query.get("labelSelector") != "kubernetes.io/service-name=cache":
            return request.answer(404, status(404, "NotFound", "the server could not find it"))
        if self.token and request.headers.get("Authorization") != "Bearer " + self.token:
            return request.answer(401, status(401, "Unauthorized", "Unauthorized"))
        if "watch" in request.query:
            return self.watch(request)
        return self.list(request)

    def list(self, request):
        with self.lock:
            names = sorted(self.slices)
            begin = int(request.query.get("continue") or 0)
            size = self.page_size or int(request.query["limit"])
            metadata = {"resourceVersion": str(self.version)}
            if begin + size < len(names):
                metadata["continue"] = str(begin + size)
                metadata["remainingItemCount"] = len(names) - begin - size
            value = {"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1",
                     "metadata": metadata,
                     "items": [self.slices[name] for name in names[begin:begin + size]]}
        request.answer(200, value)

    def watch(self, request):
        if self.watch_answers:
            return self.watch_answers.pop(0)(request)
        end = time.monotonic() + int(request.query["timeoutSeconds"])
        told = int(request.query["resourceVersion"])
        request.begin_stream()
        if told < self.oldest:
            request.send({"type": "ERROR", "object": status(
                410, "Expired", "too old resource version: %d (%d)" % (told, self.oldest))})
            return request.end_stream()
        with self.lock:
            self.watches += 1
        while not self.closing and time.monotonic() < end:
            with self.lock:
                news = [event for version, event in self.events if version > told]
                told = max([told] + [version for version, _ in self.events])
                if not news:
                    self.lock.wait(0.1)
            for event in news:
                if event["type"] != "BOOKMARK" or request.query.get("allowWatchBookmarks") == "true":
                    request.send(event)
        request.end_stream()
        return None


class Kubernetes(Case):
    def setUp(self):
        super().setUp()
        self.authority = self.make_authority("authority")
        self.certificate, self.key = self.make_certificate("authority", "server")

    def serve(self, *slices, **named):
        api = FakeApi(self.certificate, self.key, slices=slices, **named)
        self.addCleanup(api.close)
        return api

    def follow(self, api, *more, **named):
        return self.watch("kubernetes", "--namespace", "prod", "--name", "cache", "--url", api.url,
                          "--port-name", "gossip", "--ca-file", self.authority, *more, **named)

    def test_all_slices_are_one_list(self):
        api = self.serve(
            slice_of("cache-a", endpoint("10.0.0.1"), endpoint("10.0.0.2", ready=False)),
            slice_of("cache-b", endpoint("10.0.0.2"), endpoint("10.0.0.3", ready=False, terminating=True)),
            slice_of("cache-c", endpoint("10.0.0.4", ready=False, serving=False, terminating=True)),
            slice_of("cache-d", endpoint("2001:DB8::5"), address_type="IPv6"),
            slice_of("cache-e", endpoint("db.example.com"), address_type="FQDN"),
            slice_of("cache-f"))
        api.page_size = 2
        watcher = self.follow(api)
        watcher.expect_seeds("10.0.0.1:7946", "10.0.0.2:7946", "10.0.0.3:7946",
                             "[2001:db8::5]:7946", "db.example.com:7946")
        wait_until(lambda: api.watches == 1, "a watch")
        self.assertEqual(len(api.lists()), 3)
        self.assertLess(watcher.close(), 5000)

    def test_changes_are_followed(self):
        api = self.serve(slice_of("cache-a", endpoint("10.0.0.1")))
        watcher = self.follow(api)
        watcher.expect_seeds("10.0.0.1:7946")
        api.put(slice_of("cache-b", endpoint("10.0.0.2", ready=False)))
        watcher.expect_seeds("10.0.0.1:7946", "10.0.0.2:7946")
        api.put(slice_of("cache-a", endpoint("10.0.0.3"), ports=[port(9000)]))
        watcher.expect_seeds("10.0.0.2:7946", "10.0.0.3:9000")
        api.remove("cache-b")
        watcher.expect_seeds("10.0.0.3:9000")
        api.remove("cache-a")
        watcher.expect_seeds()
        self.assertEqual(len(api.lists()), 1)

    def test_a_watch_that_ends_goes_on_where_it_was(self):
        api = self.serve(slice_of("cache-a", endpoint("10.0.0.1")))
        watcher = self.follow(api, "--watch-ms", 2000)
        watcher.expect_seeds("10.0.0.1:7946")
        wait_until(lambda: api.watches >= 1, "the first watch")
        api.put(slice_of("cache-b", endpoint("10.0.0.2")))
        watcher.expect_seeds("10.0.0.1:7946", "10.0.0.2:7946")
        wait_until(lambda: api.watches >= 2, "the second watch")
        api.put(slice_of("cache-c", endpoint("10.0.0.3")))
        watcher.expect_seeds("10.0.0.1:7946", "10.0.0.2:7946", "10.0.0.3:7946")
        self.assertEqual([r.query["resourceVersion"] for r in api.watch_requests()[:2]], ["101", "102"])
        self.assertEqual(len(api.lists()), 1)

    def test_bookmarks_move_the_watch_on(self):
        api = self.serve(slice_of("cache-a", endpoint("10.0.0.1")))
        watcher = self.follow(api)
        watcher.expect_seeds("10.0.0.1:7946")
        wait_until(lambda: api.watches == 1, "a watch")
        api.bookmark()
        time.sleep(1)
        api.cut()
        wait_until(lambda: api.watches == 2, "another watch")
        self.assertEqual(api.watch_requests()[-1].query["resourceVersion"], "151")
        watcher.expect_silence(1)

    def test_gone_lists_anew(self):
        api = self.serve(slice_of("cache-a", endpoint("10.0.0.1")))
        watcher = self.follow(api)
        watcher.expect_seeds("10.0.0.1:7946")
        wait_until(lambda: api.watches == 1, "a watch")
        with api.lock:
            # A change that no watch tells any more.
            api.slices["cache-a"]["endpoints"] = [endpoint("10.0.0.9")]
            api.version = api.oldest = 500
            api.events.clear()
        api.cut()
        watcher.expect_seeds("10.0.0.9:7946")
        self.assertEqual(len(api.lists()), 2)
        watcher.expect_silence(1)

    def test_gone_as_a_status_lists_anew(self):
        api = self.serve(slice_of("cache-a", endpoint("10.0.0.1")))
        api.watch_answers.append(
            lambda request: request.answer(410, status(410, "Expired", "too old resource version")))
        watcher = self.follow(api)
        watcher.expect_seeds("10.0.0.1:7946")
        wait_until(lambda: len(api.lists()) == 2 and api.watches == 1, "a second list and a watch")
        watcher.expect_silence(1)

    def test_a_watch_that_is_refused_lists_anew(self):
        # What a server says that was restored from a backup, and so is behind the client.
        api = self.serve(slice_of("cache-a", endpoint("10.0.0.1")))
        api.watch_answers.append(
            lambda request: request.answer(504, status(504, "Timeout", "Too large resource version")))
        watcher = self.follow(api)
        watcher.expect_seeds("10.0.0.1:7946")
        self.assertIn("Too large", watcher.expect("trouble"))
        watcher.expect("recovered")
        self.assertEqual(len(api.lists()), 2)

    def test_the_token_is_read_again(self):
        token = self.write("token", "first\n")
        api = self.serve(slice_of("cache-a", endpoint("10.0.0.1")), token="first")
        watcher = self.follow(api, "--token-file", token)
        watcher.expect_seeds("10.0.0.1:7946")
        wait_until(lambda: api.watches == 1, "a watch")
        # As the kubelet does it: a new file takes the old one's place.
        os.replace(self.write("token.new", "second"), token)
        api.token = "second"
        api.cut()
        wait_until(lambda: api.watches == 2, "a watch with the new token")
        api.put(slice_of("cache-b", endpoint("10.0.0.2")))
        watcher.expect_seeds("10.0.0.1:7946", "10.0.0.2:7946")

    def test_a_token_that_is_not_accepted(self):
        token = self.write("token", "wrong")
        api = self.serve(slice_of("cache-a", endpoint("10.0.0.1")), token="right")
        watcher = self.follow(api, "--token-file", token)
        line = watcher.expect("trouble Kubernetes prod/cache: HTTP 401")
        self.assertNotIn("wrong", line)
        self.write("token", "right")
        watcher.expect_seeds("10.0.0.1:7946")
        watcher.expect("recovered")

    def test_a_token_file_that_is_missing(self):
        api = self.serve(slice_of("cache-a", endpoint("10.0.0.1")), token="right")
        watcher = self.follow(api, "--token-file", self.path("token"))
        watcher.expect("trouble")
        self.assertEqual(api.requests, [])
        self.write("token", "right")
        watcher.expect_seeds("10.0.0.1:7946")
        watcher.expect("recovered")

    def test_another_authority_is_not_trusted(self):
        api = self.serve(slice_of("cache-a", endpoint("10.0.0.1")))
        token = self.write("token", "secret")
        other = self.make_authority("other")
        watcher = self.watch("kubernetes", "--namespace", "prod", "--name", "cache", "--url", api.url,
                             "--port-name", "gossip", "--ca-file", other, "--token-file", token)
        self.assertIn("certificate", watcher.expect("trouble"))
        watcher.expect_silence(1)
        self.assertEqual(api.requests, [])

    def test_a_certificate_for_another_host_is_not_trusted(self):
        self.certificate, self.key = self.make_certificate("authority", "elsewhere", "IP:127.0.0.2")
        api = self.serve(slice_of("cache-a", endpoint("10.0.0.1")))
        watcher = self.follow(api)
        watcher.expect("trouble")
        self.assertEqual(api.requests, [])
        insecure = self.follow(api, "--insecure")
        insecure.expect_seeds("10.0.0.1:7946")

    def test_the_authority_is_read_again(self):
        api = self.serve(slice_of("cache-a", endpoint("10.0.0.1")))
        other = self.make_authority("other")
        authority = self.path("ca.crt")
        os.symlink(other, authority)
        watcher = self.watch("kubernetes", "--namespace", "prod", "--name", "cache", "--url", api.url,
                             "--port-name", "gossip", "--ca-file", authority)
        watcher.expect("trouble")
        os.symlink(self.authority, self.path("ca.new"))
        os.replace(self.path("ca.new"), authority)
        watcher.expect_seeds("10.0.0.1:7946")
        watcher.expect("recovered")

    def test_no_token_without_tls(self):
        api = FakeApi(slices=[slice_of("cache-a", endpoint("10.0.0.1"))])
        self.addCleanup(api.close)
        watcher = self.follow(api, "--token-file", self.write("token", "secret"))
        watcher.expect_seeds("10.0.0.1:7946")
        self.assertIsNone(api.requests[0].headers.get("Authorization"))

    def test_a_server_that_goes_away_and_comes_back(self):
        api = self.serve(slice_of("cache-a", endpoint("10.0.0.1")))
        watcher = self.follow(api)
        watcher.expect_seeds("10.0.0.1:7946")
        wait_until(lambda: api.watches == 1, "a watch")
        api.close()
        watcher.expect("trouble")
        watcher.expect_silence(2)
        # Its history begins anew, so the old version means nothing to it.
        self.serve(slice_of("cache-a", endpoint("10.0.0.2")), port=api.port, version=200, oldest=201)
        self.assertCountEqual([watcher.next(), watcher.next()], ["recovered", "seeds 10.0.0.2:7946"])
        watcher.expect_silence(1)

    def test_rubbish_in_a_list(self):
        api = self.serve()
        answers = [b"<html>no</html>", b"[" * 100000, b'{"kind":"EndpointSliceList"}', b'{"kind":"Pod"}',
                   b'{"kind":"EndpointSliceList","metadata":{"resourceVersion":"7"},"items":[{"a":1}]}']
        real = api.list
        api.list = lambda request: (request.answer(200, answers.pop(0)) if answers else real(request))
        watcher = self.follow(api)
        watcher.expect("trouble")
        watcher.expect_seeds()
        watcher.expect("recovered")
        self.assertEqual(answers, [])

    def test_rubbish_in_a_watch_lists_anew(self):
        api = self.serve(slice_of("cache-a", endpoint("10.0.0.1")))

        def rubbish(request):
            request.begin_stream()
            request.send(b'{"type":"ADDED","object":\n')
            time.sleep(5)

        def endless_line(request):
            request.begin_stream()
            for _ in range(6):
                request.send(b"x" * (1 << 20))
            time.sleep(5)

        api.watch_answers += [rubbish, endless_line]
        watcher = self.follow(api)
        watcher.expect_seeds("10.0.0.1:7946")
        watcher.expect("trouble")
        watcher.expect("recovered")
        wait_until(lambda: api.watches == 1, "a real watch at last")
        api.put(slice_of("cache-b", endpoint("10.0.0.2")))
        watcher.expect_seeds("10.0.0.1:7946", "10.0.0.2:7946")

    def test_a_port_that_is_not_there(self):
        api = self.serve(slice_of("cache-a", endpoint("10.0.0.1"), ports=[port(1, "web")]),
                         slice_of("cache-b", endpoint("10.0.0.2")))
        watcher = self.follow(api)
        watcher.expect_seeds("10.0.0.2:7946")
        self.assertEqual(watcher.expect("trouble"),
                         "trouble Kubernetes prod/cache: the service has no port named gossip")
        api.put(slice_of("cache-a", endpoint("10.0.0.1")))
        watcher.expect_seeds("10.0.0.1:7946", "10.0.0.2:7946")
        watcher.expect("recovered")

    def test_a_port_by_number(self):
        api = self.serve(slice_of("cache-a", endpoint("10.0.0.1"), ports=[]))
        watcher = self.follow(api, "--port", 4444)
        watcher.expect_seeds("10.0.0.1:4444")

    def test_the_server_of_the_pod(self):
        api = self.serve(slice_of("cache-a", endpoint("10.0.0.1")))
        watcher = self.watch("kubernetes", "--namespace", "prod", "--name", "cache", "--port-name",
                             "gossip", "--ca-file", self.authority,
                             environment={"KUBERNETES_SERVICE_HOST": "127.0.0.1",
                                          "KUBERNETES_SERVICE_PORT": str(api.port)})
        watcher.expect_seeds("10.0.0.1:7946")

    def test_stops_while_the_server_is_silent(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            watcher = self.watch("kubernetes", "--namespace", "prod", "--name", "cache", "--url",
                                 "https://127.0.0.1:%d" % silent.getsockname()[1])
            silent.settimeout(60)
            connection, _ = silent.accept()
            self.assertLess(watcher.close(), 5000)
            connection.close()

    def test_no_proxy_is_asked(self):
        api = self.serve(slice_of("cache-a", endpoint("10.0.0.1")))
        nobody = "http://127.0.0.1:%d" % free_port()
        watcher = self.follow(api, environment={"https_proxy": nobody, "all_proxy": nobody})
        watcher.expect_seeds("10.0.0.1:7946")


if __name__ == "__main__":
    main(sys.argv)
