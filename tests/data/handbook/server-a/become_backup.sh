#!/bin/sh
# freevrrpd: this host has become backup

logger "becoming backup"

/usr/local/etc/rc.d/apache24 stop
sleep 2
umount -f /home/sites
gmirror stop remotemirror
ggatec destroy -f -u 0
mdconfig -d -u 0

# the other host may have our image now
/etc/rc.d/ggated onestart
logger "now backup"
