#!/bin/sh
# Make the client: it asks the floating address, and keeps etcd. usage: client.sh LAN_ADDRESS
set -eu

lan_address=$1
files=${HAFAILOVER_FILES:-/tmp/hafailover}

export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq -y --no-install-recommends install etcd-client etcd-server python3 >/dev/null

cat >/etc/default/etcd <<END
ETCD_LISTEN_CLIENT_URLS="http://$lan_address:2379"
ETCD_ADVERTISE_CLIENT_URLS="http://$lan_address:2379"
END
systemctl enable --quiet etcd
systemctl restart etcd
install -D -m 0755 "$files/client.py" /usr/local/libexec/hafailover-client.py
