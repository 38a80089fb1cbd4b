"""The versions of the portal's schema, run by `routing.portal.births`."""
