/* Compile the library of Python, by the Python that will use it: node compile.mjs FOLDER.
   See ../get_pyodide.py */
import fs from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';
import {pathToFileURL} from 'node:url';

const folder = path.resolve(process.argv[2]), library = path.join(folder, 'python_stdlib.zip');
globalThis.require = createRequire(import.meta.url);   // else Pyodide wants packages that we lack
const {loadPyodide, version} = await import(pathToFileURL(path.join(folder, 'pyodide.mjs')).href);
const info = {abi_version: '2026_0', arch: 'wasm32', platform: 'emscripten',
              python: '3.14', version};
const python = await loadPyodide({lockFileContents: {info, packages: {}}, packageBaseUrl: '/'});

python.FS.writeFile('/source.zip', fs.readFileSync(library));
python.runPython(`
import importlib.util, zipfile
from importlib._bootstrap_external import _code_to_hash_pyc

def compiled(name, source):
    """The bytes of a .pyc that nobody will compare with its source: there is none beside it."""
    code = compile(source, f'/lib/python314.zip/{name}', 'exec', dont_inherit=True, optimize=0)
    return _code_to_hash_pyc(code, importlib.util.source_hash(source), checked=False)

with zipfile.ZipFile('/source.zip') as source, zipfile.ZipFile('/compiled.zip', 'w') as target:
    for entry in source.infolist():
        name, content = entry.filename, source.read(entry)
        if name.endswith('.py'):
            name, content = name + 'c', compiled(name, content)
        target.writestr(zipfile.ZipInfo(name, entry.date_time), content)
`);
fs.writeFileSync(library, python.FS.readFile('/compiled.zip'));
process.exit(0);
