"""Who may own the address? VRRP version 2 and 3 as a pure machine.

    payload bytes --> advertisement.decode --> acceptance.accept --> machine.step --> actions
                                                                         ^
                                            deadline of the state, orders of the group

Nothing in here sends, waits or looks at a clock. Section numbers are those of RFC 9568 (version 3)
unless another RFC is named; RFC 3768 and RFC 2338 are version 2.
"""
