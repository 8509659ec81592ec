#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The manifests in packaging/kubernetes: that Kubernetes' own schemas take them, that what one says
of another is so, and that the program starts, finds the others and ends with what they give it.

    manifests_test.py --manifests FOLDER --tiles TILES --kith KITH --work FOLDER

The schemas are those of kubernetes-validate, a package of PyPI, which is installed below --work.
Where it cannot be had the test is skipped: exit code 77.
"""

import argparse
import base64
import copy
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest
import urllib.request

VALIDATOR = "kubernetes-validate==1.37.0"
OLDEST, NEWEST = "1.29", "1.37"
INSTALL_SECONDS = 300
# Nobody else's, and on every machine.
POD_IPS = ["127.0.77.1", "127.0.77.2", "127.0.77.3"]
PATIENCE = 60

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "discovery"))

arguments = None
yaml = None
validator = None


class Missing(Exception):
    """The validator is not to be had here."""


def install(into):
    """The validator's folder, to be imported from."""
    folder = into / VALIDATOR
    if (folder / "complete").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
               "--no-input", "--target", str(folder), VALIDATOR]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise Missing("pip took more than %d s" % INSTALL_SECONDS) from None
    if done.returncode != 0:
        lines = done.stdout.strip().splitlines()
        raise Missing(lines[-1] if lines else "pip failed without a word")
    (folder / "complete").touch()
    return folder


def make_secrets():
    """What make-secrets.sh prints."""
    folder = arguments.work / "secrets"
    shutil.rmtree(folder, ignore_errors=True)
    script = arguments.manifests / "make-secrets.sh"
    return subprocess.run([str(script), str(folder)], env={**os.environ, "KITH": arguments.kith},
                          stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout


def documents():
    """All objects, the secrets included."""
    texts = [path.read_text() for path in sorted(arguments.manifests.glob("*.yaml"))]
    return [one for text in texts + [make_secrets()] for one in yaml.safe_load_all(text)]


class Manifests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.all = documents()
        cls.pod = cls.find("StatefulSet", "tiles")["spec"]["template"]["spec"]
        cls.container = cls.pod["containers"][0]
        cls.env = {one["name"]: one.get("value") for one in cls.container["env"]}

    @classmethod
    def find(cls, kind, name):
        return next(one for one in cls.all if one["kind"] == kind and one["metadata"]["name"] == name)

    def test_the_schemas_take_them(self):
        self.assertGreaterEqual(len(self.all), 10)
        for version in (OLDEST, NEWEST):
            for one in self.all:
                with self.subTest(version=version, kind=one["kind"], name=one["metadata"]["name"]):
                    validator.validate(one, version, strict=True)

    def test_the_schemas_refuse_mistakes(self):
        wrong_type = copy.deepcopy(self.find("StatefulSet", "tiles"))
        wrong_type["spec"]["replicas"] = "three"
        misspelt = copy.deepcopy(self.find("Service", "tiles-nodes"))
        misspelt["spec"]["publishNotReadyAdresses"] = True
        for one in (wrong_type, misspelt):
            with self.assertRaises(validator.ValidationError):
                validator.validate(one, NEWEST, strict=True)

    def test_the_account_may_do_what_discovery_does(self):
        role = self.find("Role", "tiles-discovery")
        self.assertEqual(role["rules"], [{"apiGroups": ["discovery.k8s.io"],
                                          "resources": ["endpointslices"],
                                          "verbs": ["get", "list", "watch"]}])
        binding = self.find("RoleBinding", "tiles-discovery")
        self.assertEqual(binding["roleRef"]["name"], role["metadata"]["name"])
        account = self.find("ServiceAccount", self.pod["serviceAccountName"])
        self.assertEqual([(one["kind"], one["name"]) for one in binding["subjects"]],
                         [("ServiceAccount", account["metadata"]["name"])])
        self.assertIsNot(self.pod.get("automountServiceAccountToken"), False)

    def test_the_service_leads_to_nodes_that_are_not_ready_too(self):
        service = self.find("Service", self.env["KITH_SERVICE"])["spec"]
        self.assertEqual(service["clusterIP"], "None")
        self.assertTrue(service["publishNotReadyAddresses"])
        self.assertEqual(self.find("StatefulSet", "tiles")["spec"]["serviceName"],
                         self.env["KITH_SERVICE"])
        ports = {(one["name"], one["protocol"], str(one["port"])) for one in service["ports"]}
        gossip, data = self.env["KITH_GOSSIP_PORT"], self.env["KITH_DATA_PORT"]
        self.assertEqual(ports, {("gossip", "TCP", gossip), ("gossip-udp", "UDP", gossip),
                                 ("data", "TCP", data)})

    def test_all_mean_the_same_pods_and_ports(self):
        labels = self.find("StatefulSet", "tiles")["spec"]["template"]["metadata"]["labels"]
        policy = self.find("NetworkPolicy", "tiles")["spec"]
        selectors = [self.find("Service", "tiles")["spec"]["selector"],
                     self.find("Service", self.env["KITH_SERVICE"])["spec"]["selector"],
                     self.find("StatefulSet", "tiles")["spec"]["selector"]["matchLabels"],
                     self.find("PodDisruptionBudget", "tiles")["spec"]["selector"]["matchLabels"],
                     policy["podSelector"]["matchLabels"]]
        self.assertEqual(selectors, [labels] * len(selectors))
        ports = {(one["name"], one["protocol"]) for one in self.container["ports"]}
        numbers = {str(one["containerPort"]) for one in self.container["ports"]}
        self.assertEqual(numbers, {self.env["KITH_DATA_PORT"], self.env["KITH_GOSSIP_PORT"], "8080"})
        named = {(one["targetPort"], one["protocol"]) for service in ("tiles", "tiles-nodes")
                 for one in self.find("Service", service)["spec"]["ports"]}
        allowed = {(one["port"], one["protocol"]) for rule in policy["ingress"]
                   for one in rule["ports"]}
        self.assertEqual(named, ports)
        self.assertEqual(allowed, ports)
        for probe in ("readinessProbe", "livenessProbe"):
            self.assertIn((self.container[probe]["httpGet"]["port"], "TCP"), ports)

    def test_the_secrets_are_where_the_program_looks(self):
        mounts = {one["name"]: one["mountPath"] for one in self.container["volumeMounts"]}
        files = set()
        for volume in self.pod["volumes"]:
            secret = self.find("Secret", volume["secret"]["secretName"])
            files |= {mounts[volume["name"]] + "/" + name for name in secret["data"]}
        tls = {self.env["KITH_TLS"] + "/" + name for name in ("tls.crt", "tls.key", "ca.crt")}
        self.assertEqual(files, tls | {self.env["KITH_GOSSIP_KEYS"]})

    def test_there_is_time_to_end(self):
        """The bounds of Node::stop with the default stop_grace, and as much again."""
        drain = int(self.container["args"][self.container["args"].index("--drain") + 1]) / 1000
        self.assertGreaterEqual(self.pod["terminationGracePeriodSeconds"], 2 * (drain + 2 + 1 + 1))


class Pods(unittest.TestCase):
    """The program, with the arguments and the environment that the manifest has for it."""

    def setUp(self):
        self.api = pool_api(POD_IPS)
        self.addCleanup(self.api.close)
        self.running = []
        self.addCleanup(self.end)
        self.env = self.environment()

    def end(self):
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait()

    def environment(self):
        """With the files of the secrets in a folder for each."""
        Manifests.all = documents()
        template = Manifests.find("StatefulSet", "tiles")["spec"]["template"]["spec"]
        self.container = template["containers"][0]
        self.grace = template["terminationGracePeriodSeconds"]
        env = {one["name"]: one["value"] for one in self.container["env"] if "value" in one}
        for name, secret in (("gossip", "tiles-gossip"), ("tls", "tiles-tls")):
            folder = arguments.work / name
            folder.mkdir(exist_ok=True)
            for file, content in Manifests.find("Secret", secret)["data"].items():
                (folder / file).write_bytes(base64.b64decode(content))
            env = {key: value.replace("/etc/kith/" + name, str(folder)) for key, value in env.items()}
        # What a pod has from the system.
        return {**env, "KITH_KUBERNETES_API": self.api.url, "KITH_NAMESPACE": "prod"}

    def start(self, index):
        words = [POD_IPS[index] + ":8080" if re.match(r"0\.0\.0\.0:", word) else word
                 for word in self.container["args"]]
        self.running.append(subprocess.Popen(
            [arguments.tiles, *words],
            env={**self.env, "POD_NAME": "tiles-%d" % index, "POD_IP": POD_IPS[index]}))

    def ask(self, index, probe):
        path = self.container[probe]["httpGet"]["path"] if probe.endswith("Probe") else probe
        try:
            with urllib.request.urlopen("http://%s:8080%s" % (POD_IPS[index], path), timeout=5) as answer:
                return answer.read()
        except OSError:
            return None

    def states(self, index):
        pool = self.ask(index, "/members")
        return [one["state"] for one in json.loads(pool)["members"]] if pool else []

    def wait(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.05)

    def test_they_find_each_other_and_end_in_time(self):
        for index in range(3):
            self.start(index)
        for index in range(3):
            self.wait(lambda i=index: self.states(i) == ["ready"] * 3, "all are ready")
            self.wait(lambda i=index: self.ask(i, "readinessProbe") is not None, "ready to serve")
            self.assertIsNotNone(self.ask(index, "livenessProbe"))
        self.running[1].send_signal(signal.SIGTERM)
        self.wait(lambda: self.states(0) == ["ready", "draining", "ready"], "it drains")
        self.assertEqual(self.running[1].wait(timeout=self.grace), 0)
        self.wait(lambda: self.states(2) == ["ready", "left", "ready"], "it has left")
        self.start(1)
        self.wait(lambda: self.states(0) == ["ready"] * 3, "it is back under its name")


def pool_api(addresses):
    """An API server that has these endpoints of the service, none of them ready."""
    from kubernetes_test import FakeApi, endpoint, slice_of

    class PoolApi(FakeApi):
        def on_request(self, request):
            if (request.path != "/apis/discovery.k8s.io/v1/namespaces/prod/endpointslices" or
                    request.query.get("labelSelector") != "kubernetes.io/service-name=tiles-nodes"):
                return request.answer(404, {})
            return self.watch(request) if "watch" in request.query else self.list(request)

    return PoolApi(slices=[slice_of("tiles-nodes-1", *(endpoint(one, ready=False) for one in addresses))])


def main():
    global arguments, yaml, validator
    parser = argparse.ArgumentParser()
    for name in ("manifests", "work"):
        parser.add_argument("--" + name, type=pathlib.Path, required=True)
    for name in ("tiles", "kith"):
        parser.add_argument("--" + name, required=True)
    arguments, rest = parser.parse_known_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    try:
        sys.path.insert(0, str(install(arguments.work)))
    except Missing as why:
        print("skipped: %s cannot be had: %s" % (VALIDATOR, why))
        return 77
    import kubernetes_validate
    import yaml as pyyaml
    validator, yaml = kubernetes_validate, pyyaml
    result = unittest.main(argv=[sys.argv[0], *rest], exit=False).result
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
