// Light or dark: as the system is, until somebody chooses.
(() => {
    "use strict";

    const KEY = "muralist-shades";

    /** The page sets its class by the system whenever it comes up. */
    function hold() {
        const chosen = localStorage.getItem(KEY);
        if (chosen) document.body.classList.toggle("dark", chosen === "dark");
    }

    document.addEventListener("click", (event) => {
        if (!event.target.closest("#shades")) return;
        const dark = document.body.classList.contains("dark");
        localStorage.setItem(KEY, dark ? "light" : "dark");
        hold();
    });
    const watched = { attributes: true, attributeFilter: ["class"] };
    new MutationObserver(hold).observe(document.body, watched);
    hold();
})();
