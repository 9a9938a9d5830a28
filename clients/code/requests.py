"""The requests that a learner knows, for Python in a browser: the browser does the asking.

What programs of beginners use is here and behaves as the real one does, of which
https://requests.readthedocs.io tells.

Two things are different. A browser lets a program read only answers that say they may be read by
anyone (all of this game's do). And `localhost` is the computer on which Python runs, which in a
browser is not the server: a call to http://localhost:8080 goes to the server of this page.
"""
import datetime
import json as _json
import re as _re
import sys as _sys
import time as _time
import types as _types
import urllib.parse as _parse
from http.client import responses as _phrases

import browser as _browser
from js import host as _host
from pyodide.ffi import can_run_sync as _can_run_sync

__version__ = '2.32.browser'


# --- What can go wrong ---------------------------------------------------------------------------

class RequestException(OSError):
    def __init__(self, *words, request=None, response=None):
        self.request, self.response = request, response
        super().__init__(*words)


# The names are those of the real requests.
class ConnectionError(RequestException): pass          # noqa: E701
class Timeout(RequestException): pass                  # noqa: E701
class ConnectTimeout(ConnectionError, Timeout): pass   # noqa: E701
class ReadTimeout(Timeout): pass                       # noqa: E701
class HTTPError(RequestException): pass                # noqa: E701
class TooManyRedirects(RequestException): pass         # noqa: E701
class InvalidURL(RequestException, ValueError): pass   # noqa: E701
class MissingSchema(RequestException, ValueError): pass  # noqa: E701
class InvalidSchema(RequestException, ValueError): pass  # noqa: E701


class JSONDecodeError(RequestException, _json.JSONDecodeError):
    def __init__(self, error):
        _json.JSONDecodeError.__init__(self, error.msg, error.doc, error.pos)
        self.request = self.response = None


exceptions = _types.ModuleType('requests.exceptions')
exceptions.__dict__.update({_name: _kind for _name, _kind in list(globals().items())
                            if isinstance(_kind, type)})
_sys.modules['requests.exceptions'] = exceptions
utils = _types.SimpleNamespace(quote=_parse.quote, unquote=_parse.unquote, urlparse=_parse.urlparse)
codes = _types.SimpleNamespace(**{_re.sub(r'\W', '_', _phrase.lower()): int(_code)
                                  for _code, _phrase in _phrases.items()})


# --- The answer ----------------------------------------------------------------------------------

class Headers(dict):
    """Names of headers are the same in capitals."""

    def __getitem__(self, name):
        return super().__getitem__(name.title())

    def __contains__(self, name):
        return super().__contains__(name.title())

    def get(self, name, default=None):
        return super().get(name.title(), default)


class Response:
    def __init__(self, status, reason, url, headers, content, elapsed_s):
        self.status_code, self.url, self.content, self.history = status, url, content, []
        self.reason = reason or _phrases.get(status, '')
        self.headers = Headers({name.title(): value for name, value in headers})
        self.elapsed = datetime.timedelta(seconds=elapsed_s)
        kind = self.headers.get('Content-Type', '')
        said = _re.search(r'charset=([\w-]+)', kind)
        self.encoding = said[1] if said else 'ISO-8859-1' if kind.startswith('text/') else None

    @property
    def ok(self):
        return self.status_code < 400

    @property
    def text(self):
        try:
            return self.content.decode(self.encoding or 'utf-8', 'replace')
        except LookupError:
            return self.content.decode('utf-8', 'replace')

    def __bool__(self):
        return self.ok

    def __repr__(self):
        return f'<Response [{self.status_code}]>'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        pass

    def json(self, **options):
        try:
            return _json.loads(self.content, **options)
        except _json.JSONDecodeError as error:
            raise JSONDecodeError(error) from None
        except UnicodeDecodeError:
            raise JSONDecodeError(_json.JSONDecodeError('no text', '', 0)) from None

    def iter_lines(self, decode_unicode=False, **_):
        return iter((self.text if decode_unicode else self.content).splitlines())

    def iter_content(self, chunk_size=1, **_):
        starts = range(0, len(self.content), chunk_size)
        return (self.content[start:start + chunk_size] for start in starts)

    def raise_for_status(self):
        if not self.ok:
            whose = 'Client' if self.status_code < 500 else 'Server'
            raise HTTPError(f'{self.status_code} {whose} Error: {self.reason} for url: {self.url}',
                            response=self)


# --- The call ------------------------------------------------------------------------------------

def request(method, url, params=None, data=None, headers=None, timeout=None, json=None, **_):
    url = _address(url, params)
    headers = {name: str(text) for name, text in (headers or {}).items() if text is not None}
    body = None
    if json is not None:
        body, kind = _json.dumps(json), 'application/json'
    elif data is not None:
        body = data if isinstance(data, str) else _encoded(data)
        kind = 'application/x-www-form-urlencoded'
    if body is not None:
        headers.setdefault('Content-Type', kind)
    patience = timeout[-1] if isinstance(timeout, tuple) else timeout
    began = _time.perf_counter()
    asked = (method.upper(), url, _json.dumps(headers), body, (patience or 0) * 1000)
    answer = _browser.wait(_host.call(*asked)) if _can_run_sync() else _wait_here(asked)
    status, reason, url, lines, content, moved = answer
    if not status:
        raise _no_answer(url, reason, patience)
    elapsed_s = _time.perf_counter() - began
    reply = Response(status, reason, url, _json.loads(lines), content.to_bytes(), elapsed_s)
    if moved:
        reply.history.append(Response(302, 'Found', asked[1], [], b'', 0))
    _browser.note_reply(asked[1], _works(reply))
    return reply


def _wait_here(asked):
    _browser.SCREEN.flush()
    return _host.call_here(*asked)


def _address(url, params):
    """The whole address, or the complaint that the real requests makes about it."""
    url = str(url).strip()
    scheme, colon, rest = url.partition(':')
    is_scheme = colon and _re.fullmatch(r'[A-Za-z][A-Za-z0-9+.-]*', scheme)
    if not is_scheme or '.' in scheme and not rest.startswith('/'):
        raise MissingSchema(f'Invalid URL {url!r}: No scheme supplied. '
                            f'Perhaps you meant https://{url}?')
    if scheme.lower() not in ('http', 'https'):
        raise InvalidSchema(f'No connection adapters were found for {url!r}')
    try:
        host = _parse.urlsplit(url).hostname
        _parse.urlsplit(url).port       # noqa: B018  it looks at the port only when asked for it
    except ValueError:
        raise InvalidURL(f'Failed to parse: {url}') from None
    if not host:
        raise InvalidURL(f'Invalid URL {url!r}: No host supplied')
    if params:
        query = params if isinstance(params, str) else _encoded(params)
        url += ('&' if '?' in url else '?') + query
    return _re.sub(r'^http://(localhost|127\.0\.0\.1):8080(?=[/?#]|$)', _browser.server, url)


def _encoded(fields):
    pairs = fields.items() if hasattr(fields, 'items') else fields
    kept = [(name, value) for name, value in pairs if value is not None]
    return _parse.urlencode(kept, doseq=True)


def _no_answer(url, reason, patience):
    """A browser does not tell why nobody answered; only that it took too long is known."""
    where = _parse.urlsplit(url).netloc
    if reason == 'late':
        return ReadTimeout(f'no answer from {where} within {patience} seconds')
    return ConnectionError(f'nobody answers at {where}, or not to a program in a browser: {url}')


def _works(reply):
    """The call which a refusal says would work."""
    if reply.ok:
        return ''
    said = r'^try: (https?://\S+)$|"try": "(https?://[^"\s]+)"'
    found = _re.search(said, reply.text, _re.MULTILINE)
    return found and (found[1] or found[2]) or ''


def get(url, params=None, **options):
    return request('GET', url, params=params, **options)


def head(url, **options):
    return request('HEAD', url, **options)


def options(url, **options):
    return request('OPTIONS', url, **options)


def post(url, data=None, json=None, **options):
    return request('POST', url, data=data, json=json, **options)


def put(url, data=None, **options):
    return request('PUT', url, data=data, **options)


def patch(url, data=None, **options):
    return request('PATCH', url, data=data, **options)


def delete(url, **options):
    return request('DELETE', url, **options)


class Session:
    """Parameters and headers that go along with every call."""

    def __init__(self):
        self.params, self.headers, self.cookies = {}, {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        pass

    def request(self, method, url, params=None, headers=None, **options):
        if self.params and not isinstance(params, str):
            params = {**dict(self.params), **dict(params or {})}
        headers = {**self.headers, **(headers or {})}
        return request(method, url, params=params, headers=headers, **options)

    def get(self, url, params=None, **options):
        return self.request('GET', url, params=params, **options)

    def head(self, url, **options):
        return self.request('HEAD', url, **options)

    def post(self, url, data=None, json=None, **options):
        return self.request('POST', url, data=data, json=json, **options)


session = Session
