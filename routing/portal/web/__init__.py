"""The portal's web application: pages drawn on the server, no script, nothing from another host.

Relies on starlette and on the portal's core beside it. It knows links, proofs and sessions; it can seal no
parcel, make no link and read no reply.
"""
