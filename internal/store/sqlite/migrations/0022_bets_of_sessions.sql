-- The bets of a session are looked up among those of its player, in the session's time: the index cost each bet more than it saved the lists.
DROP INDEX bets_by_session;
