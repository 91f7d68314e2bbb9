import type { ReactNode } from 'react';

interface CardProps {
  title: string;
  /** Whether the server confirms what is displayed. */
  isLive: boolean;
  children: ReactNode;
}

export function Card({ title, isLive, children }: CardProps) {
  return (
    <section className="card" aria-label={title}>
      <h2>
        {title}
        <span className={isLive ? 'badge live' : 'badge'} role="status">
          {isLive ? 'live' : 'reconnecting'}
        </span>
      </h2>
      {children}
    </section>
  );
}
