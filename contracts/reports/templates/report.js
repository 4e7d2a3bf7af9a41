(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("js");
  function copyText(text, done) {
    function byHand() {
      var area = document.createElement("textarea");
      area.value = text;
      document.body.appendChild(area);
      area.select();
      var right = document.execCommand("copy");
      area.remove();
      done(right);
    }
    if (navigator.clipboard && window.isSecureContext) {
      navigator.clipboard.writeText(text).then(function () { done(true); }, byHand);
    } else {
      byHand();
    }
  }
  function equip(scope) {
    scope.querySelectorAll(".copy").forEach(function (box) {
      var button = box.querySelector("button");
      box.classList.add("on");
      button.hidden = false;
      button.onclick = function () {
        copyText(box.querySelector("code").textContent, function (right) {
          button.textContent = right ? "Copied" : "Select it";
          setTimeout(function () { button.textContent = "Copy"; }, 1500);
        });
      };
    });
  }
  function exchange(link) {
    var kept = document.getElementById(link.getAttribute("href").slice(1));
    if (!kept) { return null; }
    var copy = kept.cloneNode(true);
    copy.removeAttribute("id");
    equip(copy);
    return copy;
  }
  equip(document);
  function unfold() {
    var aim = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (var each = aim; each; each = each.parentElement) {
      if (each.tagName === "DETAILS") { each.open = true; }
    }
    if (aim) { aim.scrollIntoView(); }
  }
  window.addEventListener("hashchange", unfold);
  unfold();
  document.querySelectorAll("a.ex").forEach(function (link) {
    link.setAttribute("aria-expanded", "false");
    link.setAttribute("role", "button");
    function toggle(event) {
      event.preventDefault();
      var shown = link.parentNode.querySelector(".exchange");
      if (shown) {
        shown.remove();
      } else {
        var copy = exchange(link);
        if (copy) { link.parentNode.appendChild(copy); }
      }
      link.setAttribute("aria-expanded", String(!shown));
    }
    link.addEventListener("click", toggle);
    link.addEventListener("keydown", function (event) { if (event.key === " ") { toggle(event); } });
  });
  var panel = document.getElementById("panel");
  var rows = Array.prototype.slice.call(document.querySelectorAll("svg.row"));
  var current = null;
  var home = panel && panel.parentNode;
  var wide = window.matchMedia("(min-width: 1150px)");
  function blocks(row) { return Array.prototype.slice.call(row.querySelectorAll("a.b")); }
  function close() {
    panel.classList.remove("full");
    panel.replaceChildren();
    if (current) { current.removeAttribute("aria-current"); current.focus(); }
  }
  function show(link) {
    var copy = exchange(link);
    if (!copy) { return; }
    if (current) { current.removeAttribute("aria-current"); }
    current = link;
    link.setAttribute("aria-current", "true");
    var heading = document.createElement("h3");
    heading.textContent = link.getAttribute("aria-label");
    heading.setAttribute("aria-live", "polite");
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = "Close";
    button.onclick = close;
    panel.replaceChildren(heading, button, copy);
    // In a narrow window it stands beneath what it explains, and never over it.
    (wide.matches ? home : link.closest(".walk").parentNode).insertBefore(panel, wide.matches ? null : link.closest(".walk").nextSibling);
    panel.classList.add("full");
    panel.scrollTop = 0;
  }
  function rove(row, link) {
    blocks(row).forEach(function (each) { each.setAttribute("tabindex", each === link ? "0" : "-1"); });
  }
  function middle(link) {
    var box = link.getBoundingClientRect();
    return box.left + box.width / 2;
  }
  function nearest(row, link) {
    var at = middle(link);
    return blocks(row).reduce(function (best, each) {
      return !best || Math.abs(middle(each) - at) < Math.abs(middle(best) - at) ? each : best;
    }, null);
  }
  function move(row, link, key) {
    var all = blocks(row).sort(function (a, b) { return middle(a) - middle(b); });
    var at = all.indexOf(link);
    if (key === "ArrowRight") { return all[Math.min(at + 1, all.length - 1)]; }
    if (key === "ArrowLeft") { return all[Math.max(at - 1, 0)]; }
    if (key === "Home") { return all[0]; }
    if (key === "End") { return all[all.length - 1]; }
    var open = rows.filter(function (each) { return each.getClientRects().length; });
    var other = open[open.indexOf(row) + (key === "ArrowDown" ? 1 : -1)];
    return other ? nearest(other, link) : null;
  }
  rows.forEach(function (row) {
    rove(row, blocks(row)[0]);
    row.addEventListener("click", function (event) {
      var link = event.target.closest("a.b");
      if (link) { event.preventDefault(); rove(row, link); link.focus(); show(link); }
    });
    row.addEventListener("focusin", function (event) {
      var link = event.target.closest("a.b");
      if (link && link.matches(":focus-visible")) { show(link); }
    });
    row.addEventListener("keydown", function (event) {
      var link = event.target.closest("a.b");
      if (!link || event.ctrlKey || event.metaKey || event.altKey) { return; }
      if (["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown", "Home", "End"].indexOf(event.key) >= 0) {
        event.preventDefault();
        var next = move(row, link, event.key);
        if (next) { rove(next.closest("svg"), next); next.focus(); show(next); }
      }
    });
  });
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape" && panel && panel.classList.contains("full")) { close(); }
  });
}());
