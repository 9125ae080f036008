"""What do hand-written set-ups of freevrrpd, ggate and gmirror say, and what is wrong with them?"""
