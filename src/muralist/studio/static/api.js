// The page of the API, where an address asks for it: Gradio marks it as open then, and does not load it.
(() => {
    "use strict";

    if (new URLSearchParams(location.search).get("view") !== "api") return;

    /** Shuts what is not there, and opens it as a hand would. */
    const waiting = setInterval(() => {
        const button = document.querySelector("footer .show-api");
        if (!button) return;
        clearInterval(waiting);
        button.click();
        setTimeout(() => button.click());
    }, 100);
})();
