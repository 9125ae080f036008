#!/bin/sh
# freevrrpd: this host has become master

IMAGE=/root/images/sitesbackup.img
PEER=192.168.1.102

logger "becoming master"

/etc/rc.d/ggated onestop
sleep 3

kldload geom_mirror 2>/dev/null
mdconfig -a -t vnode -f $IMAGE -u 0

# the other host may be dead: do not wait for it
ggatec create -o rw -u 0 $PEER /root/images/sitesprimary.img
sleep 2
gmirror insert remotemirror ggate0

fsck -y -t ufs /dev/mirror/remotemirror
mount /dev/mirror/remotemirror /home/sites

/usr/local/etc/rc.d/apache24 start
logger "now master"
