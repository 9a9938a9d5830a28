'use strict';

/* PLANET: the same picture wound round a torus. Sixty lines of WebGL, no library. */

const RING = 1.5;                  // from the middle of the hole to the middle of the tube, in
                                   // tube radii: 600 / 400
const LIFT = 0.1;                  // a little above the middle of the page, for what is near looks
                                   // larger
const CAMERA = 8;                  // how far away we stand, in tube radii
const LOAD_S = 0.3;                // so often at most it is covered with a new picture

const VERTEX = `#version 300 es
in vec2 cell;                      // 0..1 eastward round the ring, 0..1 northward round the tube
uniform vec2 turn, zoom;           // (spin, tilt), (x, y)
out vec2 spot;
out vec3 normal;
vec3 tilted(vec3 p) {
  float c = cos(turn.y), s = sin(turn.y);
  return vec3(p.x, p.y * c - p.z * s, p.y * s + p.z * c);
}
void main() {
  float u = cell.x * ${TAU} + turn.x, v = (cell.y - 0.5) * ${TAU};
  vec3 up = vec3(cos(v) * sin(u), sin(v), cos(v) * cos(u));
  vec3 p = tilted(up + ${RING} * vec3(sin(u), 0.0, cos(u)));
  spot = cell;
  normal = tilted(up);
  float far = ${CAMERA}.0 - p.z;
  gl_Position = vec4(p.x * zoom.x, p.y * zoom.y + ${LIFT} * far, -p.z * 0.12 * far, far);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D picture;
uniform vec3 glow, ink;
uniform vec2 hundreds;             // how often a hundred cells go round, east and north
in vec2 spot;
in vec3 normal;
out vec4 colour;
void main() {
  vec3 n = normalize(normal), sun = normalize(vec3(-0.5, 0.75, 0.65));
  float day = 0.46 + 0.56 * smoothstep(-0.6, 0.9, dot(n, sun));
  float hole = mix(0.62, 1.0, smoothstep(-1.0, 0.4, cos((spot.y - 0.5) * ${TAU})));
  float rim = pow(1.0 - clamp(n.z, 0.0, 1.0), 3.0);
  float glint = 0.2 * pow(max(dot(reflect(-sun, n), vec3(0, 0, 1)), 0.0), 18.0);
  // pixels to the next line of the chart's net
  vec2 far = abs(fract(spot * hundreds - 0.5) - 0.5) / fwidth(spot * hundreds);
  vec3 sea = mix(texture(picture, spot).rgb, ink, 0.17 * (1.0 - min(min(far.x, far.y), 1.0)));
  colour = vec4(mix(sea * day * hole + glow * (rim * 0.5), vec3(1), glint), 1.0);
}`;

const planet = {
  spin: -Math.PI, tilt: 0.62, zoom: 1, turning: true, rested: 0,
  size() {
    return this.zoom * CAMERA * Math.min(screen_size.width / 5.9, screen_size.height / 4.4);
  },
  /* A cell -> a point of the torus, with the axis upright; `above` lifts it off the surface. */
  point(x, y, above = 0) {
    const u = x / ocean.width * TAU + this.spin, v = (y / ocean.height - 0.5) * TAU;
    const out = RING + (1 + above) * Math.cos(v);
    return [out * Math.sin(u), (1 + above) * Math.sin(v), out * Math.cos(u)];
  },
  place(x, y) {
    const p = this.point(x, y), c = Math.cos(this.tilt), s = Math.sin(this.tilt);
    const far = CAMERA - (p[1] * s + p[2] * c), size = this.size();
    return {x: screen_size.width / 2 + p[0] / far * size,
            y: screen_size.height * (1 - LIFT) / 2 - (p[1] * c - p[2] * s) / far * size,
            seen: this.sees(this.point(x, y, 0.03))};
  },
  /* Walk from a point towards the camera, each step as long as the torus is away: do we bump into
     it? */
  sees(p) {
    const eye = [0, CAMERA * Math.sin(this.tilt), CAMERA * Math.cos(this.tilt)];
    const length = Math.hypot(...p.map((value, i) => eye[i] - value));
    const way = p.map((value, i) => (eye[i] - value) / length);
    for (let walked = 0, gap; walked < 5; walked += gap) {
      const [x, y, z] = p.map((value, i) => value + way[i] * walked);
      gap = Math.hypot(Math.hypot(x, z) - RING, y) - 1;
      if (gap < 0.01) return false;
    }
    return true;
  },
  cell() { return null; },
  drag(dx, dy) {
    this.spin += dx / this.size() * CAMERA / 2;
    this.tilt = clamp(this.tilt + dy / this.size() * CAMERA / 2, -1.5, 1.5);
    this.rested = 0;
  },
  step(dx, dy) { this.drag(-dx * 60, dy * 60); },
  zoom_by(factor) { this.zoom = clamp(this.zoom * factor, 0.6, 6); },
  whole() { Object.assign(this, {spin: -Math.PI, tilt: 0.62, zoom: 1}); },
  /* Turn until a boat is in front; one inside the hole is seen across it. */
  approach(spot, ease) {
    const v = (spot.y / ocean.height - 0.5) * TAU, inside = Math.abs(v) > 2;
    const spin = (inside ? Math.PI : 0) - spot.x / ocean.width * TAU;
    const tilt = inside ? 0.65 * Math.sign(v) : clamp(v, -1.1, 1.1);
    this.spin += shortest(spin - this.spin, TAU) * ease;
    this.tilt += (tilt - this.tilt) * ease;
  },
  turn(seconds) {
    this.rested += seconds;
    if (this.turning && this.rested > 6 && !calm.matches) this.spin += seconds * 0.06;
  },
  show() {
    if (!this.gl && !this.begin()) return;
    const gl = this.gl, canvas = gl.canvas, twice = 2 * this.size();
    const now = performance.now();
    if (this.has !== painted && now - this.loaded > 1000 * LOAD_S) this.load(now);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniform2f(this.at.turn, this.spin, this.tilt);
    gl.uniform2f(this.at.zoom, twice / screen_size.width, twice / screen_size.height);
    gl.uniform3fv(this.at.glow, [0.45, 0.68, 0.85]);
    gl.uniform3fv(this.at.ink, colours.contour.map(value => value / 255));
    gl.uniform2f(this.at.hundreds, ocean.width / 100, ocean.height / 100);
    gl.drawElements(gl.TRIANGLES, this.corners, gl.UNSIGNED_SHORT, 0);
  },
  begin() {
    const gl = this.gl = $('#planet').getContext('webgl2', {antialias: true});
    if (!gl) {
      this.missing = true;
      $('#planet-button').disabled = true;
      $('#planet-button').title = 'This browser cannot draw the planet: it has no WebGL 2.';
      say('This browser cannot draw the planet: it has no WebGL. Here is the chart.');
      look(chart);
      return false;
    }
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    const names = ['turn', 'zoom', 'glow', 'ink', 'hundreds'];
    this.at = Object.fromEntries(names.map(name => [name, gl.getUniformLocation(program, name)]));
    this.mesh(gl.getAttribLocation(program, 'cell'));
    gl.enable(gl.DEPTH_TEST);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, true);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
    Object.assign(this, {has: -1, loaded: -Infinity});
    return true;
  },
  /* A net of 144 x 96 meshes, each two triangles. */
  mesh(attribute) {
    const gl = this.gl, across = 144, round = 96, points = [], corners = [];
    for (let j = 0; j <= round; j++) {
      for (let i = 0; i <= across; i++) {
        points.push(i / across, j / round);
        const here = j * (across + 1) + i, above = here + across + 1;
        if (i === across || j === round) continue;
        corners.push(here, here + 1, above, here + 1, above + 1, above);
      }
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(points), gl.STATIC_DRAW);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, new Uint16Array(corners), gl.STATIC_DRAW);
    gl.enableVertexAttribArray(attribute);
    gl.vertexAttribPointer(attribute, 2, gl.FLOAT, false, 0, 0);
    this.corners = corners.length;
  },
  load(now) {
    const gl = this.gl;
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, picture);
    gl.generateMipmap(gl.TEXTURE_2D);
    Object.assign(this, {has: painted, loaded: now});
  },
};

/* Who is on the far side is named, the best first, as many as there is room for; the others are
   counted. */
function tell_behind() {
  const hidden = view === planet ? afloat(shown()).filter(({boat}) => !places.has(boat.name)) : [];
  const names = hidden.sort((a, b) => b.boat.score - a.boat.score).map(({boat}) => boat.name);
  const most = screen_size.width > 900 ? 4 : 2;
  const some = names.slice(0, most), more = names.length - most;
  if (more > 0) some.push(`${more} more`);
  const count = names.length === 1 ? '1 boat' : `${names.length} boats`;
  const words = names.length ? `${count} behind the planet: ${some.join(', ')}` : '';
  if ($('#behind').textContent !== words) $('#behind').textContent = words;
}
