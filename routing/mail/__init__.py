"""What the mail channels share: who receives a domain's mail, how a connection is checked, and the delivery.

Relies on `schemas`. The face of it is `routing.mail.courier.Courier`.
"""
