#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""etcd as a source of seeds, against a real one on loopback, through its JSON gateway.

    etcd_test.py DISCOVERY_WATCH
"""

import base64
import json
import shutil
import sys
import time
import urllib.error
import urllib.request

from http_fake import Fake
from watching import PATIENCE, Case, free_port, main, wait_until

PREFIX = "/kith/test/"


def encoded(text):
    return base64.b64encode(text.encode()).decode()


class Etcd(Case):
    def setUp(self):
        super().setUp()
        self.etcd = shutil.which("etcd", path="/usr/bin:/usr/sbin:/bin")
        self.assertIsNotNone(self.etcd, "etcd is not installed")

    def serve(self, port=None, folder="etcd", certificate=None):
        """Starts an etcd of one member; returns its URL and how to end it."""
        port = port or free_port()
        scheme = "https" if certificate else "http"
        url = "%s://127.0.0.1:%d" % (scheme, port)
        peer = "http://127.0.0.1:%d" % free_port()
        tls = ["--cert-file", certificate[0], "--key-file", certificate[1]] if certificate else []
        _, end = self.run_program(
            self.etcd, "--name", "one", "--data-dir", self.path(folder), "--listen-client-urls", url,
            "--advertise-client-urls", url, "--listen-peer-urls", peer,
            "--initial-advertise-peer-urls", peer, "--initial-cluster", "one=" + peer,
            "--unsafe-no-fsync", "--log-level", "error", *tls)
        if not certificate:
            wait_until(lambda: self.healthy(url), "etcd answers")
        return url, end

    @staticmethod
    def healthy(url):
        try:
            with urllib.request.urlopen(url + "/health", timeout=5) as answer:
                return json.load(answer).get("health") == "true"
        except (OSError, ValueError):
            return False

    @staticmethod
    def call(url, path, token=None, **value):
        request = urllib.request.Request(url + path, json.dumps(value).encode(),
                                         {"Authorization": token} if token else {})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def put(self, url, key, value, prefix=PREFIX):
        return self.call(url, "/v3/kv/put", key=encoded(prefix + key), value=encoded(value))

    def remove(self, url, key):
        self.call(url, "/v3/kv/deleterange", key=encoded(PREFIX + key))

    def keys(self, url):
        answer = self.call(url, "/v3/kv/range", key=encoded(PREFIX), range_end=encoded("/kith/test0"))
        return [base64.b64decode(entry["key"]).decode() for entry in answer.get("kvs", [])]

    def follow(self, url, *more):
        return self.watch("etcd", "--name", PREFIX, "--url", url, *more)

    def test_keys_are_read_and_followed(self):
        url, _ = self.serve()
        self.put(url, "a", "10.0.0.1:7946")
        self.put(url, "b", '{"Op":0,"Addr":"[2001:db8::2]:7946","Metadata":null}')
        self.put(url, "x", "10.0.0.9:7946", prefix="/kith/tesu/")
        watcher = self.follow(url)
        watcher.expect_seeds("10.0.0.1:7946", "[2001:db8::2]:7946")
        self.put(url, "c", "node-3:7946")
        watcher.expect_seeds("10.0.0.1:7946", "[2001:db8::2]:7946", "node-3:7946")
        self.put(url, "a", "10.0.0.4:7946")
        watcher.expect_seeds("10.0.0.4:7946", "[2001:db8::2]:7946", "node-3:7946")
        self.put(url, "y", "10.0.0.9:7946", prefix="/kith/tess/")
        self.remove(url, "b")
        watcher.expect_seeds("10.0.0.4:7946", "node-3:7946")
        for key in "ac":
            self.remove(url, key)
        watcher.expect_seeds("node-3:7946")
        watcher.expect_seeds()
        self.assertLess(watcher.close(), 5000)

    def test_a_value_that_is_no_address(self):
        url, _ = self.serve()
        self.put(url, "a", "10.0.0.1:7946")
        self.put(url, "b", "what?")
        watcher = self.follow(url)
        watcher.expect_seeds("10.0.0.1:7946")
        self.assertIn("key /kith/test/b: ", watcher.expect("trouble"))
        self.remove(url, "b")
        watcher.expect("recovered")

    def test_an_etcd_that_goes_away_and_comes_back(self):
        url, end = self.serve()
        self.put(url, "a", "10.0.0.1:7946")
        watcher = self.follow(url)
        watcher.expect_seeds("10.0.0.1:7946")
        end()
        watcher.expect("trouble")
        watcher.expect_silence(2)
        self.serve(port=int(url.rsplit(":", 1)[1]))
        watcher.expect("recovered")
        self.put(url, "b", "10.0.0.2:7946")
        watcher.expect_seeds("10.0.0.1:7946", "10.0.0.2:7946")

    def test_changes_while_it_could_not_watch(self):
        url, end = self.serve()
        proxy_port = free_port()
        proxy = Proxy(url, port=proxy_port)
        self.put(url, "a", "10.0.0.1:7946")
        watcher = self.follow(proxy.url)
        watcher.expect_seeds("10.0.0.1:7946")
        proxy.close()
        watcher.expect("trouble")
        self.remove(url, "a")
        self.put(url, "b", "10.0.0.2:7946")
        proxy = Proxy(url, port=proxy_port)
        self.addCleanup(proxy.close)
        self.assertCountEqual([watcher.next(), watcher.next()], ["recovered", "seeds 10.0.0.2:7946"])
        # By the watch alone.
        self.assertNotIn("/v3/kv/range", [request.path for request in proxy.requests])
        end()

    def test_a_history_that_was_compacted(self):
        url, _ = self.serve()
        proxy_port = free_port()
        proxy = Proxy(url, port=proxy_port)
        self.put(url, "a", "10.0.0.1:7946")
        watcher = self.follow(proxy.url)
        watcher.expect_seeds("10.0.0.1:7946")
        proxy.close()
        watcher.expect("trouble")
        self.remove(url, "a")
        for i in range(5):
            revision = self.put(url, "b", "10.0.0.%d:7946" % i)["header"]["revision"]
        self.call(url, "/v3/kv/compaction", revision=revision, physical=True)
        proxy = Proxy(url, port=proxy_port)
        self.addCleanup(proxy.close)
        lines = [watcher.next(), watcher.next()]
        self.assertCountEqual(lines, ["recovered", "seeds 10.0.0.4:7946"])
        self.assertIn("/v3/kv/range", [request.path for request in proxy.requests])

    def test_the_next_member_when_one_is_dead(self):
        url, _ = self.serve()
        self.put(url, "a", "10.0.0.1:7946")
        watcher = self.follow("http://127.0.0.1:%d" % free_port(), "--url", url)
        watcher.expect("trouble")
        watcher.expect_seeds("10.0.0.1:7946")
        watcher.expect("recovered")

    def test_registers_itself_and_leaves(self):
        url, _ = self.serve()
        watcher = self.follow(url, "--register", "10.0.0.7:7946")
        watcher.expect_at_last("seeds 10.0.0.7:7946")
        # Longer than the lease of two seconds.
        time.sleep(5)
        self.assertEqual(self.keys(url), [PREFIX + "10.0.0.7:7946"])
        watcher.expect_silence(0.1)
        self.assertLess(watcher.close(), 5000)
        self.assertEqual(self.keys(url), [])

    def test_a_registration_ends_with_its_process(self):
        url, _ = self.serve()
        watcher = self.follow(url, "--register", "10.0.0.7:7946")
        wait_until(lambda: self.keys(url), "it is registered")
        watcher.kill()
        wait_until(lambda: not self.keys(url), "the lease runs out")

    def test_registers_anew_when_the_lease_was_lost(self):
        url, end = self.serve()
        watcher = self.follow(url, "--register", "10.0.0.7:7946")
        watcher.expect_at_last("seeds 10.0.0.7:7946")
        end()
        watcher.expect("trouble")
        # Another etcd, which has never heard of the lease.
        self.serve(port=int(url.rsplit(":", 1)[1]), folder="another")
        wait_until(lambda: self.keys(url), "it is registered anew")
        watcher.expect_at_last("recovered")
        self.assertEqual(watcher.process.poll(), None)

    def test_another_etcd_at_the_same_address(self):
        url, end = self.serve()
        for i in range(5):
            self.put(url, "a", "10.0.0.%d:7946" % i)
        watcher = self.follow(url)
        watcher.expect_seeds("10.0.0.4:7946")
        end()
        watcher.expect("trouble")
        url, _ = self.serve(port=int(url.rsplit(":", 1)[1]), folder="another")
        watcher.expect_at_last("seeds")
        # A revision that the first one had long ago.
        self.put(url, "b", "10.0.0.9:7946")
        watcher.expect_at_last("seeds 10.0.0.9:7946")

    def test_logs_in(self):
        url, _ = self.serve()
        self.put(url, "a", "10.0.0.1:7946")
        self.call(url, "/v3/auth/user/add", name="root", password="secret")
        self.call(url, "/v3/auth/role/add", name="root")
        self.call(url, "/v3/auth/user/grant", user="root", role="root")
        self.call(url, "/v3/auth/enable")
        stranger = self.follow(url)
        stranger.expect("trouble")
        liar = self.follow(url, "--user", "root", "--password", "guessed")
        self.assertNotIn("guessed", liar.expect("trouble"))
        watcher = self.follow(url, "--user", "root", "--password", "secret")
        watcher.expect_seeds("10.0.0.1:7946")
        token = self.call(url, "/v3/auth/authenticate", name="root", password="secret")["token"]
        self.call(url, "/v3/kv/put", token=token, key=encoded(PREFIX + "b"),
                  value=encoded("10.0.0.2:7946"))
        watcher.expect_seeds("10.0.0.1:7946", "10.0.0.2:7946")

    def test_over_tls(self):
        authority = self.make_authority("authority")
        url, _ = self.serve(certificate=self.make_certificate("authority", "server"))
        other = self.follow(url, "--ca-file", self.make_authority("other"))
        other.expect("trouble")
        watcher = self.follow(url, "--ca-file", authority, "--register", "10.0.0.7:7946")
        watcher.expect_at_last("seeds 10.0.0.7:7946")
        other.expect_silence(0.1)

    def test_rubbish_is_trouble(self):
        url, _ = self.serve()
        self.put(url, "a", "10.0.0.1:7946")
        proxy = Proxy(url)
        self.addCleanup(proxy.close)
        proxy.rubbish = {"/v3/kv/range": [b"?", b"{}", b'{"header":{"revision":"x"}}'],
                         "/v3/watch": [b'{"result":{"events":[{}]}}\n', b'{"result":{"canceled":true}}\n']}
        watcher = self.follow(proxy.url)
        watcher.expect("trouble")
        watcher.expect_seeds("10.0.0.1:7946")
        wait_until(lambda: not any(proxy.rubbish.values()), "all of the rubbish was told")
        self.put(url, "b", "10.0.0.2:7946")
        watcher.expect_at_last("seeds 10.0.0.1:7946 10.0.0.2:7946")


class Proxy(Fake):
    """Passes requests on to an etcd, so that a connection to it can be lost."""

    def __init__(self, url, port=0):
        super().__init__(port=port)
        self.target = url
        self.rubbish = {}
        self.start()

    def on_request(self, request):
        if self.rubbish.get(request.path):
            return request.answer(200, self.rubbish[request.path].pop(0))
        asked = urllib.request.Request(self.target + request.path, request.body)
        try:
            with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
                if request.path != "/v3/watch":
                    return request.answer(200, answer.read())
                request.begin_stream()
                for line in answer:
                    request.send(line)
                request.end_stream()
        except urllib.error.HTTPError as error:
            request.answer(error.code, error.read())
        except OSError:
            request.handler.close_connection = True
        return None


if __name__ == "__main__":
    main(sys.argv)
