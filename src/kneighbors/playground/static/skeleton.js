// SPDX-License-Identifier: Apache-2.0
// The page's markup: the same in a browser tab and in a notebook. Parts are found by their data-part.

const chapter = (word, title, body) => `
  <section class="chapter" aria-labelledby="title-${word}">
    <p class="word" aria-hidden="true">${word}</p>
    <h2 id="title-${word}">${title}</h2>
    ${body}
  </section>`;

export const SKELETON = `
<a class="skip" href="#plane">Skip to the plane</a>
<header class="masthead">
  <h1><svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true"><g stroke="currentColor" stroke-width="1.6"><path d="M16 16 7 9M16 16l10-5M16 16l-3 11"/></g><circle cx="16" cy="16" r="3.2" fill="currentColor"/><g class="dots"><circle cx="7" cy="9" r="4"/><circle cx="26" cy="11" r="4"/><circle cx="13" cy="27" r="4"/></g></svg><span>kneighbors <em>playground</em></span></h1>
  <p class="motto">No training, no formula to fit: the data <em>is</em> the model.</p>
  <div class="bar" role="group" aria-label="Page">
    <button type="button" data-part="undo" title="Undo (Ctrl+Z)"><span aria-hidden="true">↶</span> <span class="word-of">Undo</span></button>
    <button type="button" data-part="redo" title="Redo (Ctrl+Shift+Z)"><span aria-hidden="true">↷</span> <span class="word-of">Redo</span></button>
    <button type="button" data-part="theme" aria-pressed="false"><span aria-hidden="true">◐</span> <span class="word-of">Dark</span></button>
  </div>
</header>
<main class="spread">
  <div class="plate">
    <div class="presets" role="group" aria-label="Data to start from" data-part="presets"></div>
    <figure class="figure">
      <div class="frame">
        <div class="axis-y" data-part="axis-y" aria-hidden="true"></div>
        <div class="plane" id="plane" data-part="plane" tabindex="0" role="application" aria-roledescription="plane of points" aria-label="Plane of points" aria-describedby="plane-keys">
          <canvas data-part="regions" aria-hidden="true"></canvas>
          <canvas data-part="marks" aria-hidden="true"></canvas>
          <div class="wipe" data-part="wipe" hidden>
            <span class="wipe-left">as it is <b data-part="wipe-before"></b></span>
            <span class="wipe-right">scaled <b data-part="wipe-after"></b></span>
            <span class="wipe-line" data-part="wipe-line"></span>
          </div>
          <p class="drop" data-part="drop" hidden>Drop a CSV: two columns and a label</p>
        </div>
        <div class="axis-x" data-part="axis-x" aria-hidden="true"></div>
      </div>
      <div class="wipe-control" data-part="wipe-control" hidden>
        <label>Wipe <input type="range" min="0" max="1000" data-part="wipe-range" aria-label="Where the unscaled picture ends"></label>
      </div>
      <div class="under">
        <fieldset class="chips" data-part="classes"><legend class="hidden">Class of new points</legend></fieldset>
        <label class="chip-value" data-part="value-box" hidden>New value <input type="range" min="0" max="1000" value="500" data-part="value"> <output data-part="value-out"></output> <span class="value-scale" data-part="value-scale" aria-hidden="true"></span></label>
        <div class="bar" role="group" aria-label="Points">
          <button type="button" data-part="erase" aria-pressed="false">Erase</button>
          <button type="button" data-part="clear">Clear</button>
          <button type="button" data-part="again" title="The same recipe with another seed">Redraw</button>
          <button type="button" data-part="paste">Your data</button>
        </div>
      </div>
      <div class="readout" data-part="readout">
        <div class="votes" data-part="votes" role="img" aria-label="The vote"></div>
        <p data-part="sentence"></p>
      </div>
      <figcaption data-part="caption"></figcaption>
      <p class="notice" role="alert" data-part="notice" hidden></p>
      <details class="help"><summary>Hands and keys</summary>
      <p id="plane-keys" class="keys">Click to add a point, drag to move it, right-click or hold to delete. By keyboard: arrows walk (Shift: far), Enter adds, 0–9 choose the class, N and P visit points, M moves, Delete removes, [ and ] change k.</p></details>
    </figure>
  </div>
  <div class="chapters">
    ${chapter("vote", "How many neighbours vote?", `
      <div class="k-row">
        <p class="k-big" aria-hidden="true"><i>k</i> = <span data-part="k-big">5</span></p>
        <p class="k-side" data-part="k-side"></p>
      </div>
      <div class="curve">
        <svg data-part="curve" role="img" aria-label="Leave-one-out error over k"></svg>
        <input type="range" min="0" max="10" step="1" data-part="k" aria-label="k, the number of neighbours">
      </div>
      <p class="prose">With <i>k</i> = 1 every point rules its own cell, mistakes too. A larger <i>k</i> lets crowds outvote strays, until everyone is the majority. The curve asks each point of all the others: where it is lowest, this data is judged best.</p>
      <div class="choices" data-part="vote-choices"></div>`)}
    ${chapter("place", "Who decides here?", `
      <svg class="strip" data-part="strip" role="img" aria-label="Distances of the neighbours"></svg>
      <p class="prose" data-part="flip"></p>
      <details><summary>The neighbours in numbers</summary><div class="scroll" tabindex="0" role="region" aria-label="Neighbours"><table data-part="neighbors"></table></div></details>
      <p class="prose small">The dashed outline holds all that is as near as the last neighbour: the metric's ball. The answer is a count inside it, <span class="formula">ŷ = most frequent of y₁ … y<sub>k</sub></span>, or their mean.</p>`)}
    ${chapter("distance", "What does near mean?", `
      <div class="choices" data-part="metric-choices"></div>
      <label class="range" data-part="p-box" hidden><span>Power <i>p</i></span><input type="range" min="1" max="8" step="0.25" data-part="p"><output data-part="p-out"></output></label>
      <p class="prose" data-part="metric-note"></p>`)}
    ${chapter("scale", "Are the columns comparable?", `
      <div class="choices" data-part="scale-choices"></div>
      <label class="tick-box"><input type="checkbox" data-part="compare"> Wipe between before and after</label>
      <p class="prose" data-part="scale-note">A distance adds up columns. One that runs to 100,000 drowns one that runs to 1, whatever they mean. Scaling gives each the same say.</p>`)}
    ${chapter("reduce", "What if most columns are noise?", `
      <label class="range"><span>Useless columns</span><input type="range" min="0" max="64" step="1" data-part="noise"><output data-part="noise-out"></output></label>
      <div class="choices" data-part="reduce-choices"></div>
      <div class="pair">
        <figure><svg data-part="histogram" role="img" aria-label="Histogram of distances"></svg><figcaption>All distances, by their mean. Filled: with the useless columns. Line: without.</figcaption></figure>
        <figure><svg data-part="rescue" role="img" aria-label="Leave-one-out error by number of useless columns"></svg><figcaption>Leave-one-out error by useless columns.</figcaption></figure>
      </div>
      <p class="prose" data-part="curse-note"></p>`)}
    ${chapter("index", "How is it found so fast?", `
      <div class="choices" data-part="index-choices"></div>
      <label class="tick-box"><input type="checkbox" data-part="cells"> Draw the index on the plane</label>
      <div class="count" data-part="count"></div>
      <p class="prose" data-part="index-note"></p>
      <details><summary>What the index says of itself</summary><div class="scroll" tabindex="0" role="region" aria-label="Index"><table data-part="facts"></table></div></details>`)}
    ${chapter("scorecard", "What does each choice cost?", `
      <p><button type="button" class="strong" data-part="measure">Measure now <small>about 2 s</small></button></p>
      <div data-part="scores" aria-live="polite"></div>
      <details data-part="raw" hidden><summary>Figures and formulas</summary><div class="scroll" tabindex="0" role="region" aria-label="Figures"><table data-part="figures"></table></div><dl data-part="formulas"></dl></details>
      <p class="prose">Fitting is storing, so training is nearly free. The price comes later: every question looks at the data again, and the model weighs what the data weigh.</p>`)}
    ${chapter("save", "Take it home", `
      <div class="bar wrap" role="group" aria-label="Take it home">
        <button type="button" data-part="link">Copy link</button>
        <button type="button" data-part="python">Copy as Python</button>
        <button type="button" data-part="png">Save picture</button>
        <button type="button" data-part="model">Save model</button>
      </div>
      <p class="prose small">The link holds everything on screen. The program gives the same picture. The model is three plain files that <code>kneighbors.load</code> reads and <code>kneighbors serve</code> answers from.</p>
      <details data-part="program-box"><summary>The program</summary><pre tabindex="0" role="region" aria-label="Python program"><code data-part="program"></code></pre></details>`)}
    ${chapter("understand", "Where it shines, where it breaks", `
      <ul class="notes">
        <li><b>It shines</b> with little data and local structure: any shape of boundary, new rows learned by adding them, and an answer that can be shown as the rows that gave it.</li>
        <li><b>It breaks</b> with many columns: distances grow alike and the nearest is hardly nearer than the rest. Select, project, or learn better columns first.</li>
        <li><b>It costs</b> per question: <i>n</i> rows of <i>d</i> columns are <i>n</i>·<i>d</i> steps, thousands of times a second. Production screens rows by short codes, skips whole cells that cannot hold a neighbour, or accepts a miss now and then.</li>
        <li><b>It ties.</b> An even <i>k</i> or twin points can leave a draw; hatched places go to the smaller label, always.</li>
      </ul>`)}
  </div>
</main>
<p class="hidden" role="status" data-part="say"></p>
<dialog data-part="dialog" aria-labelledby="dialog-title">
  <form method="dialog">
    <h2 id="dialog-title">Your data</h2>
    <p>One row a line: two columns and a label. More columns are scaled and projected on two. You can also drop a file on the plane.</p>
    <label for="csv" class="hidden">Rows as CSV</label>
    <textarea id="csv" rows="12" spellcheck="false" data-part="csv"></textarea>
    <p class="notice" role="alert" data-part="csv-notice" hidden></p>
    <div class="bar wrap">
      <button type="button" class="strong" data-part="csv-use">Use these rows</button>
      <label class="file">Choose a file<input type="file" accept=".csv,.tsv,.txt,text/csv" data-part="csv-file"></label>
      <button value="cancel">Cancel</button>
    </div>
  </form>
</dialog>`;

// The parts of a page by name, each found once.
export function partsOf(root) {
  const found = {};
  for (const element of root.querySelectorAll("[data-part]")) found[element.dataset.part] = element;
  return found;
}
