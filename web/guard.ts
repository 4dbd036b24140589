/** What holds for every answer: who may ask, how, and what the browser may do with it. */
import type { MiddlewareHandler } from "hono";

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
};

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Turns away what only reads in name, and requests under a name that is not ours: a foreign page
 * may point its own name at this address, but it cannot make the browser call it by ours.
 */
export function guard(boundHost: string): MiddlewareHandler {
  const bound = boundHost.includes(":") ? `[${boundHost}]` : boundHost;
  const names = new Set([...LOOPBACK, bound.toLowerCase()]);
  return async (c, next) => {
    const host = c.req.header("host") ?? new URL(c.req.url).host;
    const name = host.replace(/:\d*$/, "").toLowerCase();
    if (!names.has(name)) {
      c.res = c.text(`This server does not answer to the name "${name.slice(0, 100)}".\n`, 421);
    } else if (c.req.method !== "GET" && c.req.method !== "HEAD") {
      c.res = c.text("Only GET and HEAD: this page commands nothing.\n", 405, {
        allow: "GET, HEAD",
      });
    } else {
      await next();
    }
    for (const [header, value] of Object.entries(HEADERS)) c.res.headers.set(header, value);
    if (!c.res.headers.has("cache-control")) c.res.headers.set("cache-control", "no-store");
  };
}
