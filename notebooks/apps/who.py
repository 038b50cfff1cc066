"""A WSGI app that says which server called it: chapter 3 has real servers import it."""


def who(environ, start_response):
    more = [kind for kind in ("thread", "process")
            if environ[f"wsgi.multi{kind}"]]
    name = environ.get("SERVER_SOFTWARE", "no name")
    line = f"{name}; calls beside this: {', '.join(more) or 'none'}"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [line.encode()]
