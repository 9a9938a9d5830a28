"""Debian's Firefox, driven as its makers do it: Marionette, JSON over a socket. No driver program, no library.

    with firefox(names=['club.test']) as browser:
        browser.go('http://club.test:8080/code')
        browser.run('return document.title')
"""
import contextlib
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile

from browser import need
from conftest import free_port, poll

FIREFOX = shutil.which('firefox-esr') or shutil.which('firefox')
PREFERENCES = {
    'app.normandy.enabled': False, 'app.update.auto': False, 'browser.aboutConfig.showWarning': False,
    'browser.safebrowsing.downloads.enabled': False, 'browser.safebrowsing.malware.enabled': False,
    'browser.safebrowsing.phishing.enabled': False, 'browser.shell.checkDefaultBrowser': False,
    'datareporting.policy.dataSubmissionEnabled': False, 'dom.ipc.processCount': 2,
    'extensions.update.enabled': False, 'network.captive-portal-service.enabled': False,
    'network.connectivity-service.enabled': False, 'services.settings.server': 'http://127.0.0.1:1',
    'toolkit.telemetry.server': '',
}


class Firefox:
    def __init__(self, line):
        self.line, self.number, self.rest = line, 0, b''
        self.hear()                                              # who it is
        self.ask('WebDriver:NewSession', capabilities={'alwaysMatch': {'acceptInsecureCerts': True}})
        self.ask('WebDriver:SetTimeouts', script=30_000, pageLoad=30_000)

    def hear(self):
        while b':' not in self.rest:
            self.rest += self.line.recv(65536)
        size, _, self.rest = self.rest.partition(b':')
        while len(self.rest) < int(size):
            self.rest += self.line.recv(65536)
        told, self.rest = self.rest[:int(size)], self.rest[int(size):]
        return json.loads(told)

    def ask(self, command, **parameters):
        self.number += 1
        told = json.dumps([0, self.number, command, parameters]).encode()
        self.line.sendall(b'%d:%s' % (len(told), told))
        _, _, error, result = self.hear()
        assert error is None, error
        return result

    def go(self, address):
        self.ask('WebDriver:Navigate', url=address)

    def run(self, script, *arguments):
        """What a script returns: `return document.title`."""
        return self.ask('WebDriver:ExecuteScript', script=script, args=list(arguments), sandbox=None)['value']

    def type(self, selector, text):
        element = self.ask('WebDriver:FindElement', using='css selector', value=selector)['value']
        self.ask('WebDriver:ElementSendKeys', id=next(iter(element.values())), text=text)

    def click(self, selector):
        element = self.ask('WebDriver:FindElement', using='css selector', value=selector)['value']
        self.ask('WebDriver:ElementClick', id=next(iter(element.values())))


def connect(port, process):
    assert process.poll() is None, 'Firefox ended before it could be talked to'
    with contextlib.suppress(OSError):
        return socket.create_connection(('127.0.0.1', port), 60)
    return None


@contextlib.contextmanager
def firefox(names=()):
    """A Firefox without a window, in which these names mean this machine."""
    need('Firefox', FIREFOX)
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        told = {**PREFERENCES, 'marionette.port': port, 'network.dns.localDomains': ','.join(names)}
        (pathlib.Path(folder) / 'user.js').write_text(
            '\n'.join(f'user_pref({json.dumps(name)}, {json.dumps(value)});' for name, value in told.items()))
        process = subprocess.Popen([FIREFOX, '--headless', '--no-remote', '--marionette', '--profile', folder],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=None)
        try:
            with poll(lambda: connect(port, process), 60) as line:
                yield Firefox(line)
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
