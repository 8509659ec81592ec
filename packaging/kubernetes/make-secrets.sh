#!/usr/bin/env bash
# Makes a key for the gossip and certificates for the peer link, and prints them as Secrets:
#
#   packaging/kubernetes/make-secrets.sh FOLDER | kubectl apply -f -
#
# FOLDER is made, and has the CA's key afterwards, by which more certificates can be made: keep it
# where only you can read it. All pods have one certificate. `kith` is looked for on the PATH, or is
# what $KITH says.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

if [[ $# -ne 1 ]]; then
  echo "usage: $0 FOLDER" >&2
  exit 2
fi
kith=${KITH:-kith}
folder=$1
mkdir -m 700 "$folder"
"$kith" keygen --out "$folder/gossip.key" >&2
"$kith" certs init --out "$folder/ca" --name tiles >&2
"$kith" certs node pod --ca "$folder/ca" --out "$folder/pod" >&2

encoded() { base64 --wrap=0 "$1"; }
cat <<YAML
apiVersion: v1
kind: Secret
metadata:
  name: tiles-gossip
  labels: {app: tiles}
type: Opaque
data:
  keys: $(encoded "$folder/gossip.key")
---
apiVersion: v1
kind: Secret
metadata:
  name: tiles-tls
  labels: {app: tiles}
type: kubernetes.io/tls
data:
  tls.crt: $(encoded "$folder/pod/pod.pem")
  tls.key: $(encoded "$folder/pod/pod.key")
  ca.crt: $(encoded "$folder/ca/ca.pem")
YAML
