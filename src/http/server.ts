import { createServer as createNodeServer, type Server } from "node:http";
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Logger } from "pino";
import { HeadraceError, messageOf } from "../errors.ts";
import { SECOND } from "../units.ts";
import { answerClientError } from "./client-error.ts";
import { setCommonHeaders } from "./common-headers.ts";
import { originCheck, setCorsHeaders, type CrossOrigin } from "./cross-origin.ts";
import { hostCheck, inUrl } from "./host-check.ts";
import { listenError } from "./listen-error.ts";
import { HTTP_LIMITS, type HttpLimits } from "./limits.ts";
import { checkQuery } from "./query-check.ts";
import { errorOfRequest, sendProblem } from "./problem.ts";
import { answeredStatus } from "./answered-status.ts";
import { Connections } from "./connections.ts";
import { discardBody } from "./discard-body.ts";
import { requestIdOf } from "./request-id.ts";
import { RouteTable } from "./route-table.ts";

export interface ServerOptions {
  readonly logger: Logger;
  /** The address to listen on. */
  readonly host: string;
  /** The port to listen on; 0 lets the system choose. */
  readonly port: number;
  /** Names that the Host header may have beside loopback's own. Leave it out to answer any: only with tokens. */
  readonly hosts?: readonly string[];
  /** What pages of other origins may do. Default: read nothing, and with `hosts` send nothing either. */
  readonly crossOrigin?: CrossOrigin;
  /** Default: HTTP_LIMITS. */
  readonly limits?: Partial<HttpLimits>;
  readonly observer?: HttpObserver;
  /** How a refusal or failure is answered. Default: with a problem document. */
  readonly sendError?: (reply: FastifyReply, error: HeadraceError) => FastifyReply;
}

/** Called by the server; must not throw. */
export interface HttpObserver {
  /**
   * A request was answered. `route` is its pattern, undefined when there is none; `status` is CLIENT_GONE when the client
   * didn't wait for the whole answer; `duration` is in milliseconds; `caller` is the name of the token that was sent.
   */
  answered?(
    method: string,
    route: string | undefined,
    status: number,
    duration: number,
    caller: string | undefined,
  ): void;
}

/** The server's shell: limits, problem documents, request ids, the Host check and the graceful stop. Routes come from others. */
export interface HttpServer {
  /** Where routes are registered, before `listen`. What they throw becomes a problem document. */
  readonly app: FastifyInstance;
  /** Aborted when the stop begins: whoever waits long in a request should come to an end. */
  readonly draining: AbortSignal;
  /**
   * Starts to listen and resolves with the URL.
   * @throws HeadraceError `port_in_use`, or `config_invalid` when the address can't be listened on.
   */
  listen(): Promise<string>;
  /**
   * Refuses new work with 503, finishes what is in flight and closes. A request that has reached the server within
   * `idleGrace` is answered; connections that outlast `drainTimeout` are cut.
   */
  close(): Promise<void>;
}

/** Routes that answer while the server drains: whoever watches it must see that. */
const ANSWERED_WHILE_DRAINING = new Set(["/livez", "/readyz", "/metrics"]);
/** How long a stop reads on of the body of a request that it refuses. Milliseconds. */
const REFUSED_BODY_TIME = SECOND;
/** The longest path parameter; past it the path is an unknown route. Characters. */
const PARAMETER_LENGTH_MAX = 1024;

export function createServer(options: ServerOptions): HttpServer {
  const limits = { ...HTTP_LIMITS, ...options.limits };
  const draining = new AbortController();
  const crossOrigin = options.crossOrigin ?? { origins: [], refuseOthers: options.hosts !== undefined };
  const sendError = options.sendError ?? sendProblem;
  const app = createApp(limits, crossOrigin, sendError);
  const connections = new Connections(app.server);

  // First, so that a request counts before anything is done for it.
  observe(app, connections, options);
  refuseEarly(app, { hosts: options.hosts, crossOrigin, draining: draining.signal });
  app.addHook("onSend", (request, reply, payload, done) => {
    // Last, since routes set Vary too.
    setCorsHeaders(crossOrigin, request, reply);
    if (draining.signal.aborted && connections.isNewest(request.raw))
      void reply.header("connection", "close");
    done(null, payload);
  });
  app.setErrorHandler((thrown, request, reply) => {
    const error = errorOfRequest(thrown);
    if (error.status >= 500 && error.code !== "draining") logFailure(options.logger, request, error);
    return sendError(reply, error);
  });

  return {
    app,
    draining: draining.signal,
    async listen() {
      await app.listen({ host: options.host, port: options.port }).catch((error: unknown) => {
        throw listenError(error, options);
      });
      const address = app.server.address();
      const port = typeof address === "object" && address !== null ? address.port : options.port;
      return `http://${inUrl(options.host)}:${port}`;
    },
    async close() {
      draining.abort();
      await connections.drain({ grace: limits.idleGrace, timeout: limits.drainTimeout });
      await app.close();
    },
  };
}

function createApp(
  limits: HttpLimits,
  crossOrigin: CrossOrigin,
  sendError: typeof sendProblem,
): FastifyInstance {
  return fastify({
    // No logger of Fastify's: a child logger for each request costs more than a small request itself.
    logger: false,
    bodyLimit: limits.bodyBytesMax,
    genReqId: requestIdOf,
    return503OnClosing: false,
    routerOptions: { maxParamLength: PARAMETER_LENGTH_MAX },
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => {
      setCommonHeaders(request, reply);
      setCorsHeaders(crossOrigin, request, reply);
      void sendError(reply, errorOfRequest(error));
    },
    // A server of our own, so that every limit is set in one place and holds for every socket.
    serverFactory: (handler): Server => {
      const server = createNodeServer(
        {
          headersTimeout: limits.headersTimeout,
          requestTimeout: limits.requestTimeout,
          keepAliveTimeout: limits.keepAliveTimeout,
          connectionsCheckingInterval: limits.checkInterval,
          maxHeaderSize: limits.headerBytesMax,
          // Checked by hostCheck, which answers with a problem document.
          requireHostHeader: false,
          noDelay: true,
        },
        handler,
      );
      server.maxConnections = limits.connectionsMax;
      return server;
    },
  });
}

interface EarlyChecks {
  readonly hosts: readonly string[] | undefined;
  readonly crossOrigin: CrossOrigin;
  readonly draining: AbortSignal;
}

/** What is refused before a body is read: foreign hosts and pages, garbled query strings, new work while draining, unknown routes and methods. */
function refuseEarly(app: FastifyInstance, { hosts, crossOrigin, draining }: EarlyChecks): void {
  const checkHost = hostCheck(hosts);
  const checkOrigin = originCheck(crossOrigin);
  const routes = new RouteTable();
  app.addHook("onRoute", ({ url, method }) => routes.add(url, [method].flat()));
  app.addHook("onRequest", (request, reply, done) => {
    setCommonHeaders(request, reply);
    const refused = checkHost(request.raw) ?? checkOrigin(request.raw) ?? checkQuery(request.url);
    if (refused !== undefined) return done(refused);
    if (draining.aborted && !ANSWERED_WHILE_DRAINING.has(request.routeOptions.url ?? "")) {
      const refusal = new HeadraceError("draining", "The server is stopping and takes no new work");
      // Its connection is closed with the answer, which would get lost if the client were still sending then.
      discardBody(request.raw, REFUSED_BODY_TIME, () => done(refusal));
      return;
    }
    return request.is404 ? missed(routes, request, reply, done) : done();
  });
}

function missed(
  routes: RouteTable,
  request: FastifyRequest,
  reply: FastifyReply,
  done: (error?: Error) => void,
): void {
  const path = request.url.split("?", 1)[0] ?? "";
  const methods = routes.methodsOf(path);
  if (methods.length === 0) {
    const nearest = routes.nearest(path);
    const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
    const details = nearest === undefined ? {} : { nearest };
    done(new HeadraceError("unknown_route", `There is no route ${path}${hint}`, { details }));
    return;
  }
  void reply.header("allow", methods.join(", "));
  if (request.method === "OPTIONS") {
    void reply.code(204).send();
    return;
  }
  done(new HeadraceError("method_not_allowed", `${path} takes ${methods.join(", ")}, not ${request.method}`));
}

/** Counts the requests that aren't answered yet, and tells the observer and the log of those that are. */
function observe(app: FastifyInstance, connections: Connections, { logger, observer }: ServerOptions): void {
  app.addHook("onRequest", (request, { raw: response }, done) => {
    const from = performance.now();
    // Not Fastify's onResponse, which a client that goes away can keep from being called.
    connections.begin(request.raw, response, () => {
      const route = routeOf(request);
      const status = answeredStatus(response);
      const duration = performance.now() - from;
      const caller = request.caller?.name;
      observer?.answered?.(request.method, route, status, duration, caller);
      if (!logger.isLevelEnabled("debug")) return;
      const { id, method } = request;
      logger.debug({ request: id, method, route, caller, status, ms: duration }, "answered");
    });
    done();
  });
}

/** The pattern of the request's route. Never the path: what it names may be nobody's business. */
function routeOf(request: FastifyRequest): string | undefined {
  return request.is404 ? undefined : request.routeOptions.url;
}

/** One line about a request that failed through no fault of its sender. Never a body, never a stack. */
function logFailure(logger: Logger, request: FastifyRequest, error: HeadraceError): void {
  const { id, method } = request;
  const caller = request.caller?.name;
  const cause = error.cause === undefined ? {} : { cause: messageOf(error.cause) };
  const route = routeOf(request);
  logger.error({ request: id, method, route, caller, code: error.code, ...cause }, error.message);
}
