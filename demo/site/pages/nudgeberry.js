// Nudgeberry, made up: remembers what was looked at, for advertising elsewhere.
document.cookie = "nb_seen=sencha; path=/; max-age=7776000; samesite=lax";
window.shop?.runs("nudgeberry");
