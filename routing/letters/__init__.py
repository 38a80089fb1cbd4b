"""What a mail says: the texts of a material, the sender, and a consignment's documents as attachments.

Relies on `routing.mime` for the values it makes. Signs, encrypts and sends nothing.
"""
