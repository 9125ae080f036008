#!/bin/sh
# freevrrpd: this host has become master

IMAGE=/root/images/sitesprimary.img
PEER=10.10.10.101

logger "becoming master"

# nobody may have our image now
/etc/rc.d/ggated onestop
sleep 3

kldload geom_mirror 2>/dev/null
mdconfig -a -t vnode -f $IMAGE -u 0

# retry every 5 seconds until the other host is there
while ! ggatec create -o rw -d 5 -u 0 $PEER /root/images/sitebackup.img
do
	sleep 5
done

gmirror label -b prefer remotemirror md0 ggate0

# let it copy
while true
do
	if gmirror status -s remotemirror | grep -q COMPLETE
	then
		break
	fi
	sleep 10
done

fsck -y -t ufs /dev/mirror/remotemirror
mount /dev/mirror/remotemirror /home/sites

/usr/local/etc/rc.d/apache24 start
logger "now master"
