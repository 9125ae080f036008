#!/bin/sh
# Make a FreeBSD node of the pair: usage: node.sh NAME LAN_ADDRESS REPLICATION_ADDRESS
#
# What scripts/vagrant-acceptance has built lies in /tmp/hafailover: the wheel, the key of the pair, the
# configuration and the service that the clients talk to. Run again it changes nothing that is right.
set -eu

name=$1 lan_address=$2 replication_address=$3
files=${HAFAILOVER_FILES:-/tmp/hafailover}
environment=/usr/local/libexec/hafailover

# The interface that has an address: names differ between the providers.
interface_of() {
    ifconfig | awk -v wanted="$1" '
        /^[a-z]/ { split($1, word, ":"); interface = word[1] }
        $1 == "inet" && $2 == wanted { print interface; exit }'
}

install_packages() {
    ASSUME_ALWAYS_YES=yes
    export ASSUME_ALWAYS_YES
    pkg install -q python311
}

install_agent() {
    [ -x "$environment/bin/python" ] || python3.11 -m venv "$environment"
    PYYAML_FORCE_LIBYAML=0 "$environment/bin/pip" install --quiet --upgrade "$files"/hafailover-*.whl
    install -m 0555 "$environment/share/hafailover/rc.d/hafailover" /usr/local/etc/rc.d/hafailover
    ln -sf "$environment/bin/hafailover" /usr/local/bin/hafailover
    examples=$environment/share/examples/hafailover
    install -d -m 0755 /usr/local/etc/devd /usr/local/etc/newsyslog.conf.d
    install -m 0444 "$examples/hafailover.devd.conf" /usr/local/etc/devd/hafailover.conf
    install -m 0444 "$examples/hafailover.newsyslog.conf" /usr/local/etc/newsyslog.conf.d/hafailover.conf
    service devd restart
}

configure() {
    lan=$(interface_of "$lan_address")
    replication=$(interface_of "$replication_address")
    if [ -z "$lan" ] || [ -z "$replication" ]; then
        echo "$name: $lan_address or $replication_address is on no interface" >&2
        exit 1
    fi
    sed -e "s/@LAN@/$lan/" -e "s/@REPLICATION@/$replication/" "$files/hafailover.yaml.in" \
        >/usr/local/etc/hafailover.yaml.ping
    # The same pair with the client's etcd; scripts/vagrant-acceptance takes which one a scenario wants.
    sed -e 's/kind: ping$/kind: etcd/' -e 's|targets: .*|endpoints: ["http://192.168.77.10:2379"]|' \
        /usr/local/etc/hafailover.yaml.ping >/usr/local/etc/hafailover.yaml.etcd
    [ -e /usr/local/etc/hafailover.yaml ] ||
        cp /usr/local/etc/hafailover.yaml.ping /usr/local/etc/hafailover.yaml
    install -m 0600 "$files/hafailover.key" /usr/local/etc/hafailover.key
    install -d -m 0755 /usr/local/libexec/hafailover-acceptance
    install -m 0555 "$files/writer" /usr/local/libexec/hafailover-acceptance/writer
    install -m 0444 "$files/writer.py" /usr/local/libexec/hafailover-acceptance/writer.py
    sysrc -q hafailover_enable=YES hafailover_agent="$environment/bin/hafailover"
    # ssh of the acceptance run must not wait for a host that is switched off by force.
    sysrc -q fsck_y_enable=YES
}

install_packages
install_agent
configure
