"""The whole machine: shut down and started anew, cut off, without a journal, and upgraded. Each time the game is back
by itself with all that was answered, and `mocean_why` says what it was."""
import contextlib

import pytest
from conftest import join, place, poll

pytestmark = pytest.mark.systemd
HOME = '/home/ubuntu'


def lived(lab, id, here):
    """What `mocean_why` says, as soon as the game is up again; the boat is where it was."""
    with lab.network():
        poll(lab.answers, 20)
        assert place(lab, id) == here
        return lab.user('mocean_why').splitlines()


def test_a_reboot_and_a_machine_that_was_cut_off_lose_nothing_and_are_told_apart(lab):
    with lab.network():
        lab.sh('systemctl restart mocean')
        id = join(lab, 'Reboot')
        assert lab(f'/move?id={id}&heading=north').status == 200
        here = place(lab, id)
    lab.user('mocean_new morning')
    lab.reboot()
    why = lived(lab, id, here)
    poll(lambda: 'The VM was shut down, or started anew.' in lab.user('mocean_why morning'))
    told = [line for line in why if line[:3].isalpha() and line[4:6].strip().isdigit()]
    assert told[-1].endswith('  The VM was shut down, or started anew.'), why
    assert 'ended in good order' in why[-1]
    lab.reboot('cut')
    why = lived(lab, id, here)
    cut = why[why.index('') - 2:why.index('')]
    assert cut[0].endswith('  The VM went down without a goodbye: the power, a crash, a hard reset.'), why
    assert cut[1].strip() == 'What was answered in its last second may be lost, nothing else.'
    assert 'the last thing that happened was: Reboot called move' in why[-1]
    poll(lambda: 'The VM went down without a goodbye' in lab.user('mocean_why morning'))
    lab.user(f'mocean_end morning; sudo rm -r /var/lib/mocean-morning {HOME}/mocean-morning.env')


@contextlib.contextmanager
def journald(vm, change, undo):
    """The journal begins anew after a change."""
    anew = 'systemctl reset-failed systemd-journald; systemctl restart systemd-journald'
    vm.sh(f'{change}; {anew}')
    try:
        yield
    finally:
        vm.sh(f'{undo}; {anew}')


def stored(vm, how):
    """As some images have it, in a file of their own."""
    file = '/usr/lib/systemd/journald.conf.d/40-how.conf'
    return journald(vm, f'mkdir -p {file[:-12]}; printf "[Journal]\nStorage={how}\n" > {file}',
                    f'rm -f {file} /etc/systemd/journald.conf.d/zz-mocean.conf')


def test_a_journal_in_memory_tells_of_this_boot_and_the_doctor_mends_it(vm):
    with stored(vm, 'volatile'):
        vm.user('mocean_kill')
        why = vm.user('mocean_why')
        assert 'The master was killed' in why and 'The journal forgets all at each reboot' in why
        told = next(line for line in vm.user('mocean_doctor').splitlines() if 'journal' in line)
        assert told.startswith(' !!  The journal forgets all at each reboot. Remedy, if the disk is not full: '), told
        vm.user(told.partition('full: ')[2])
        assert ' ok  The journal is kept on the disk' in vm.user('mocean_doctor')
        assert 'reboot' not in vm.user('mocean_why')


def test_a_journal_that_keeps_nothing_is_said(vm):
    with stored(vm, 'none'):
        assert 'The journal takes no lines' in vm.user('mocean_why')
        assert ' !!  The journal takes no lines' in vm.user('mocean_doctor')


def test_a_full_disk_under_the_journal_hides_nothing_new(vm):
    """journald lets go of old lines, or goes on in memory; mocean_why still knows the last halt."""
    folder = '/var/log/journal'
    with journald(vm, f'mount -t tmpfs -o size=20M,mode=2755 small {folder}', f'umount -l {folder}'):
        vm.sh(f'journalctl --sync; head -c 20M /dev/zero > {folder}/filler', check=False)
        assert vm.sh(f'df --output=avail {folder}').split()[1] == '0'
        vm.sh('seq 20000 | systemd-cat')
        vm.user('mocean_kill')
        why = vm.user('mocean_why')
        assert 'The master was killed' in why and 'takes no lines' not in why


GIT = 'git -c user.name=upstream -c user.email=upstream@example.org'


def test_an_upgrade_as_the_page_says_keeps_the_ocean_and_what_was_changed(vm):
    """git pull and the script again: first with a new mocean.py, which is reloaded; then with a new unit."""
    id = join(vm, 'Upgrade')
    here = place(vm, id)
    vm.user(f'mv mocean upstream; cd upstream; {GIT} init -q; git add -A; {GIT} commit -qm 1; cd; '
            f'git clone -q upstream mocean; cd upstream; echo "# newer" >> mocean.py; {GIT} commit -qam 2')
    try:
        worker, _ = vm.children()
        vm.user('sed -i "1s/^/# mine\\n/" mocean/mocean.py')
        assert 'Aborting' in vm.fails('cd ~/mocean && git pull')
        vm.user(f'cd mocean; git diff > ~/changes.txt; {GIT} stash; git pull; {GIT} stash pop')
        assert vm.sh(f'head -1 {HOME}/mocean.py; tail -1 {HOME}/mocean.py') == '# mine\n# newer'
        before = vm.user('mocean_why').partition('Now:')[0]
        vm.setup()
        assert vm.children()[0] != worker and place(vm, id) == here
        assert vm.user('mocean_why').partition('Now:')[0] == before                     # no halt
        vm.user(f'cd upstream; echo "# newer" >> mocean.service; {GIT} commit -qam 3; cd ~/mocean; git pull')
        vm.setup()
        assert place(vm, id) == here
        assert 'An upgrade: setup_vm.sh has renewed the service, and started it again.' in vm.user('mocean_why')
        vm.user('mocean_restart')
        assert 'Stopped on purpose' in vm.user('mocean_why').split('An upgrade')[-1]
    finally:
        vm.sh(f'cd {HOME}; rm -r mocean; mv upstream mocean; cd mocean; git checkout -qf HEAD~2; rm -r .git')
        vm.setup()
