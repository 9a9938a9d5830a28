"""Put Python for browsers where the server finds it. Then /code needs no internet.

    python3 clients/get_pyodide.py

The four files are those that code/pyodide.json names, to the bit. They come through npm where that
is installed, else from the network on which Pyodide is published; 20 to 30 MB, in clients/pyodide.
Each is kept compressed, too, so that the server need not compress it for every browser. Where node
is installed, the library of Python is compiled beforehand: Python then starts twice as fast in a
browser that has never been here.
"""
import gzip
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
LIBRARY = 'python_stdlib.zip'


def main():
    wanted = json.loads((HERE / 'code' / 'pyodide.json').read_text(encoding='utf-8'))
    folder = HERE / 'pyodide' / wanted['version']
    if all((folder / f'{name}.gz').is_file() for name in wanted['files']):
        print(f'Pyodide {wanted["version"]} is there: {folder}')
        return
    with tempfile.TemporaryDirectory() as scratch:
        new = pathlib.Path(scratch)
        if not (from_npm(wanted, new) or from_network(wanted, new)):
            sys.exit('Pyodide could not be fetched: is this computer connected to the internet? '
                     'Without it, /code sends browsers there to fetch it themselves.')
        compile_library(new)
        folder.mkdir(parents=True, exist_ok=True)
        for name in wanted['files']:
            content = (new / name).read_bytes()
            (folder / name).write_bytes(content)
            (folder / f'{name}.gz').write_bytes(gzip.compress(content, 9, mtime=0))
    print(f'Pyodide {wanted["version"]} is now in {folder}')


def from_npm(wanted, folder):
    """The package that its makers publish; False where there is no npm, or it finds nothing."""
    npm = shutil.which('npm')
    words = [npm, 'pack', '--silent', '--fetch-retries=0', f'pyodide@{wanted["version"]}']
    package = npm and subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300)
    if not package or package.returncode:
        return False
    with tarfile.open(folder / package.stdout.split()[-1]) as parcel:
        for name, facts in wanted['files'].items():
            content = parcel.extractfile(f'package/{name}').read()
            keep(folder / name, content, facts)
    return True


def from_network(wanted, folder):
    for name, facts in wanted['files'].items():
        try:
            with urllib.request.urlopen(wanted['cdn'] + name, timeout=60) as reply:
                content = reply.read()
        except OSError as error:
            print(f'{wanted["cdn"]}{name}: {error}')
            return False
        keep(folder / name, content, facts)
    return True


def keep(path, content, facts):
    if hashlib.sha256(content).hexdigest() != facts['sha256']:
        sys.exit(f'{path.name} is not what its makers published. Nothing was changed here.')
    path.write_bytes(content)


def compile_library(folder):
    node = shutil.which('node')
    words = [node, HERE / 'code' / 'compile.mjs', folder]
    done = node and subprocess.run(words, capture_output=True, text=True, timeout=300)
    if done and not done.returncode:
        print('Its library is compiled.')
    else:
        print('Its library is not compiled (node could do that): each browser does it, once.')


if __name__ == '__main__':
    main()
