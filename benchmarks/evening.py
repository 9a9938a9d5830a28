"""An evening of three classes, on a fresh machine: what goes wrong, what the doctor says, and whether anything is lost.

    sudo .venv/bin/python benchmarks/evening.py [--bots 30]

Needs what the tests of systemd and of the front need (tests/lab.py, tests/front.py). In a lab: one command sets up the
front with a certificate, three oceans stand behind https names, and thirty bots sail in each, every one with a Session.
Then one ocean is killed, one is upgraded, one moves to a second machine. A bot makes no call twice; in the end each
boat must be where its answered moves have brought it, or further by calls that got no answer.
"""
import argparse
import pathlib
import re
import sys
import tempfile
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'tests')]
from conftest import Answer, poll  # noqa: E402
from front import CLUB, ISSUER, Front, Player, carry, known_names, playing, second_machine  # noqa: E402
from lab import Lab  # noqa: E402

OCEANS = 'tuesday', 'wednesday', 'thursday'
PAGE = (ROOT / 'docs' / 'https.md').read_text()


class Bot(Player):
    """Sails as a student's program does: with a Session."""
    session = None

    def ask(self, url):
        if self.session is None:
            self.session = requests.Session()
            self.session.verify, self.session.trust_env = self.front.roots, False
        try:
            reply = self.session.get(url, timeout=45)
            return Answer.of(reply.status_code, reply.headers, reply.content)
        except requests.RequestException as error:
            return Answer.of(0, {}, repr(error).encode())


class Evening:
    def __init__(self, lab, front):
        self.lab, self.front, self.began = lab, front, time.monotonic()

    def say(self, text):
        print(f'{time.monotonic() - self.began:6.1f} s  {text}', flush=True)

    def doctor(self, lab=None):
        """Those lines of mocean_doctor that are about the oceans and the front, and all that has a remedy."""
        for line in (lab or self.lab).user('mocean_doctor').splitlines():
            if re.match(rf' !!| ok  ({"|".join(OCEANS)}): It | ok  (nginx|http|The cert)', line):
                self.say(f'    doctor: {line}')

    def typed(self, text, lab=None):
        for line in (lab or self.lab).user(text).splitlines():
            if not line.startswith('bash: '):                    # it has no terminal
                self.say(f'    {line}')

    def kill(self):
        self.say('tuesday: kill -9 of all its processes')
        self.lab.sh('systemctl kill --signal KILL mocean@tuesday')
        self.doctor()
        self.front.answers('tuesday')
        self.say('tuesday answers again')
        self.typed('mocean_why tuesday')

    def upgrade(self):
        self.say('wednesday: another mocean.py, and mocean_reload wednesday')
        self.lab.sh("cd /home/ubuntu; sed \"s/^VERSION = .*/VERSION = 'evening'/\" mocean/mocean.py > new; "
                    'rm mocean.py; mv new mocean.py; chown ubuntu: mocean.py')
        self.typed('mocean_reload wednesday')
        version = self.front.ask(f'https://{CLUB}/wednesday/openapi.json').json()['info']['version']
        self.say(f'wednesday says that it is version {version}')
        self.doctor()

    def move(self, second):
        """The last chapter of docs/https.md."""
        blocks = re.findall(r'^```sh\n(.*?)^```', PAGE.partition('## A second')[2].replace('tuesday', 'thursday'),
                            re.MULTILINE | re.DOTALL)
        make, stop, restore, lead = blocks
        self.say('thursday: a second machine is made ready for it')
        self.typed(make, second)
        self.say('thursday: stopped, copied')
        copied = re.search(r'copied to (\S+)', self.lab.user(stop))[1]
        self.doctor()
        carry(self.lab, second, f'cat {copied}', f'cat > {copied.replace("backups/", "")}')
        self.typed(restore, second)
        self.typed(lead)
        self.front.answers('thursday')
        self.say('thursday answers from the second machine')
        self.doctor()
        self.say('and on the second machine:')
        self.doctor(second)

    def tally(self, players):
        astray = [player.name for player in players
                  if not 0 <= player.sailed() - player.moved % 600 <= len(player.failed)]
        for ocean in OCEANS:
            self.count(ocean, [player for player in players if f'/{ocean}.' in player.base])
        self.say(f'!! These are not where they should be: {astray}' if astray else 'Nothing that was answered is lost.')
        return bool(astray)

    def count(self, ocean, crew):
        calls, moved = sum(player.calls for player in crew), sum(player.moved for player in crew)
        failed = [reply.status for player in crew for reply in player.failed]
        refused = [status for status in failed if status]
        self.say(f'{ocean}: {calls} calls, {moved} moves answered, {len(refused)} refused {sorted(set(refused))}, '
                 f'{failed.count(0)} hung up on; the longest wait was {max(player.longest_s for player in crew):.1f} s')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--bots', type=int, default=30)
    bots = parser.parse_args().bots
    with tempfile.TemporaryDirectory() as folder, known_names():
        lab = Lab(pathlib.Path(folder))
        try:
            lab.up()
            with lab.network():
                sys.exit(evening(lab, bots, folder))
        finally:
            lab.down()


def evening(lab, bots, folder):
    front = Front(lab)
    it = Evening(lab, front)
    lab.sh(f'echo 127.0.0.1 {CLUB} ' + ' '.join(f'{ocean}.{CLUB}' for ocean in OCEANS) + ' >> /etc/hosts')
    front.roots = f'{folder}/roots.pem'
    pathlib.Path(front.roots).write_text(lab.sh(ISSUER))
    front.trust.load_verify_locations(front.roots)
    for ocean in OCEANS:
        it.typed(f'mocean_new {ocean}')
    it.say(f'bash ~/mocean/setup_vm.sh --front {CLUB}')
    it.say('    ' + lab.setup(f'--front {CLUB}').partition('== 8')[2].replace('\n', '\n' + ' ' * 14))
    it.doctor()
    crews = {ocean.title()[:3]: (f'https://{ocean}.{CLUB}', bots) for ocean in OCEANS}
    with second_machine(lab) as second, playing(front, Bot, **crews) as players:
        it.say(f'{len(players)} bots are at sea')
        for deed in it.kill, it.upgrade, lambda: it.move(second):
            before = min(player.moved for player in players)
            poll(lambda before=before: min(player.moved for player in players) > before + 5, 120)
            deed()
        before = min(player.moved for player in players)
        poll(lambda: min(player.moved for player in players) > before + 5, 120)
        for player in players:
            player.stopped.set()
        for player in players:
            player.join(60)
        return it.tally(players)


if __name__ == '__main__':
    main()
