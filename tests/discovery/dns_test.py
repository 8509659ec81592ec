#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""DNS as a source of seeds, against dnsmasq on loopback.

    dns_test.py DISCOVERY_WATCH
"""

import shutil
import socket
import sys

from watching import Case, free_port, main, wait_until


class Dns(Case):
    def setUp(self):
        super().setUp()
        self.dnsmasq = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/sbin")
        self.assertIsNotNone(self.dnsmasq, "dnsmasq is not installed")

    def serve(self, *records, port=None, address="127.0.0.1"):
        """Starts a server that knows only `records`; returns its address and how to end it."""
        port = port or free_port()
        _, end = self.run_program(
            self.dnsmasq, "--keep-in-foreground", "--no-resolv", "--no-hosts", "--no-daemon",
            "--conf-file=/dev/null", "--pid-file=", "--bind-interfaces", "--listen-address=" + address,
            "--port=%d" % port, "--local=/test/", "--user=root", *records)

        def answers():
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with socket.socket(family) as one:
                return one.connect_ex((address, port)) == 0

        wait_until(answers, "dnsmasq answers")
        return ("[%s]:%d" if ":" in address else "%s:%d") % (address, port), end

    def test_addresses_of_both_families(self):
        server, _ = self.serve("--host-record=pool.test,192.0.2.1,2001:db8::1,5",
                               "--host-record=pool.test,192.0.2.2")
        watcher = self.watch("dns", "--name", "pool.test", "--port", 7946, "--server", server)
        watcher.expect_seeds("192.0.2.1:7946", "192.0.2.2:7946", "[2001:db8::1]:7946")
        self.assertLess(watcher.close(), 5000)

    def test_a_name_behind_an_alias(self):
        server, _ = self.serve("--host-record=real.test,192.0.2.1", "--cname=pool.test,real.test")
        watcher = self.watch("dns", "--name", "pool.test.", "--port", 1, "--server", server)
        watcher.expect_seeds("192.0.2.1:1")

    def test_records_change(self):
        server, end = self.serve("--host-record=pool.test,192.0.2.1,1")
        watcher = self.watch("dns", "--name", "pool.test", "--port", 1, "--server", server,
                             "--refresh-ms", 3600000)
        watcher.expect_seeds("192.0.2.1:1")
        end()
        self.serve("--host-record=pool.test,192.0.2.9,1", port=int(server.rsplit(":", 1)[1]))
        # By the TTL of a second: the refresh is an hour. Perhaps it asked in between.
        line = watcher.next()
        if line.startswith("trouble"):
            line = watcher.next()
        self.assertEqual(line, "seeds 192.0.2.9:1")

    def test_a_name_that_vanishes_keeps_its_seeds(self):
        server, end = self.serve("--host-record=pool.test,192.0.2.1,1")
        watcher = self.watch("dns", "--name", "pool.test", "--port", 1, "--server", server)
        watcher.expect_seeds("192.0.2.1:1")
        end()
        _, end = self.serve(port=int(server.rsplit(":", 1)[1]))
        watcher.expect("trouble DNS pool.test: ")
        watcher.expect_silence(3)
        end()
        self.serve("--host-record=pool.test,192.0.2.1,1", port=int(server.rsplit(":", 1)[1]))
        watcher.expect("recovered")

    def test_a_name_that_never_was(self):
        server, _ = self.serve()
        watcher = self.watch("dns", "--name", "pool.test", "--port", 1, "--server", server)
        self.assertEqual(watcher.expect("trouble"), "trouble DNS pool.test: pool.test has no address")
        watcher.expect_silence(2)

    def test_the_second_server_when_the_first_is_silent(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            server, _ = self.serve("--host-record=pool.test,192.0.2.1")
            watcher = self.watch("dns", "--name", "pool.test", "--port", 1, "--timeout-ms", 30000,
                                 "--server", "127.0.0.1:%d" % silent.getsockname()[1],
                                 "--server", server)
            watcher.expect_seeds("192.0.2.1:1")

    def test_a_server_over_ipv6(self):
        server, _ = self.serve("--host-record=pool.test,192.0.2.1", address="::1")
        watcher = self.watch("dns", "--name", "pool.test", "--port", 1, "--server", server)
        watcher.expect_seeds("192.0.2.1:1")

    def test_stops_while_no_server_answers(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            watcher = self.watch("dns", "--name", "pool.test", "--port", 1, "--timeout-ms", 60000,
                                 "--server", "127.0.0.1:%d" % silent.getsockname()[1])
            silent.settimeout(60)
            silent.recv(512)
            self.assertLess(watcher.close(), 5000)

    def test_services_with_their_targets(self):
        server, _ = self.serve(
            "--srv-host=_kith._tcp.test,one.test,7001,1,5", "--srv-host=_kith._tcp.test,two.test,7002,2,5",
            "--host-record=one.test,192.0.2.1,2001:db8::1", "--host-record=two.test,192.0.2.2")
        watcher = self.watch("srv", "--name", "_kith._tcp.test", "--server", server)
        watcher.expect_seeds("192.0.2.1:7001", "192.0.2.2:7002", "[2001:db8::1]:7001")

    def test_a_service_whose_target_has_no_address(self):
        server, _ = self.serve("--srv-host=_kith._tcp.test,one.test,7001",
                               "--srv-host=_kith._tcp.test,gone.test,7002",
                               "--host-record=one.test,192.0.2.1")
        watcher = self.watch("srv", "--name", "_kith._tcp.test", "--server", server)
        watcher.expect_seeds("192.0.2.1:7001")
        watcher.expect("trouble DNS SRV _kith._tcp.test: the target gone.test. has no address")
        watcher.expect_silence(2)

    def test_more_services_than_fit_into_a_datagram(self):
        records = []
        for i in range(150):
            records += ["--srv-host=_kith._tcp.test,node-with-a-long-name-%d.test,%d" % (i, 7000 + i),
                        "--host-record=node-with-a-long-name-%d.test,192.0.2.%d" % (i, i)]
        server, _ = self.serve(*records)
        watcher = self.watch("srv", "--name", "_kith._tcp.test", "--server", server)
        seeds = watcher.expect("seeds").split()[1:]
        self.assertEqual(sorted(seeds), sorted("192.0.2.%d:%d" % (i, 7000 + i) for i in range(150)))


if __name__ == "__main__":
    main(sys.argv)
