/** A token with which a worker or hub may join, as operators see it. */
export interface TokenView {
  readonly token_id: string;
  readonly role: 'worker' | 'hub';
  /** Of the worker or hub that joins with it. */
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
}

export interface TokenRequest {
  readonly role: 'worker' | 'hub';
  /** Made up when left out. */
  readonly id?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** NATS servers; left out: those of the configuration. */
  readonly servers?: readonly string[];
  /** Address of a hub that gives contents; left out: that of the configuration, if there is one. */
  readonly hub?: string;
  readonly expiresSeconds?: number;
}

/** Who may join. Every method throws AppError CAPABILITY_UNSUPPORTED where the authority does not live here. */
export interface WorkerTokens {
  /** `token` is the secret that the worker needs; it is not kept, so it is told this once. */
  create(request: TokenRequest): Promise<TokenView & { readonly token: string }>;
  list(): Promise<TokenView[]>;
  /** By the id of a token, or by that of a worker or hub: then all of its tokens. Their connections end at once. */
  revoke(id: string): Promise<TokenView[]>;
}
